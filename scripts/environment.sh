# Read by the scripts beside it. Makes the virtual environment of this checkout from a hash-checked lock.
# Expects: root (the checkout). Gives: find_python, environment LOCK; afterwards `venv` is the environment's folder.

# One line for the operator, on stderr.
say() { printf 'patchwatch: %s\n' "$*" >&2; }

# Sets `python` to the first interpreter that is new enough.
find_python() {
  local candidate candidates=(python3.13 python3.12 python3.11 python3.14 python3)
  if [ -n "${PATCHWATCH_PYTHON:-}" ]; then candidates=("$PATCHWATCH_PYTHON"); fi
  for candidate in "${candidates[@]}"; do
    if command -v "$candidate" >/dev/null 2>&1 &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      python=$candidate
      return 0
    fi
  done
  say 'Python 3.11 or newer is needed and was not found (as root: apt-get install -y python3 python3-venv)'
  return 10
}

# Debian ships venv and pip's bootstrap apart from Python: root installs them, others are told how.
need_venv() {
  "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
  local package
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing $package"
    apt_install "$package" && "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 && return 0
    say "$package could not be installed; $python needs its venv and ensurepip modules"
    return 10
  fi
  say "$python has no venv module; install it with: sudo apt-get install -y $package"
  return 10
}

# Installs Debian packages without a question and without any noise when it goes well.
apt_install() {
  local output
  output=$(mktemp)
  if (
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    umask 022
    apt-get -q -o DPkg::Lock::Timeout=300 update &&
      apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
  ) </dev/null >"$output" 2>&1; then
    rm -f -- "$output"
    return 0
  fi
  tail -n 12 -- "$output" >&2
  rm -f -- "$output"
  return 1
}

# Where the environment lives: $PATCHWATCH_VENV, else .venv of the checkout, else (checkout not writable) the cache.
choose_venv() {
  if [ -n "${PATCHWATCH_VENV:-}" ]; then
    case $PATCHWATCH_VENV in
      /*) venv=$PATCHWATCH_VENV ;;
      *) venv=$PWD/$PATCHWATCH_VENV ;;
    esac
  elif [ -w "$root" ] || [ -x "$root/.venv/bin/patchwatch" ]; then
    venv=$root/.venv
  else
    venv=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/patchwatch/venv
  fi
}

# The lock, the build configuration, the interpreter and the checkout: a change of any makes a fresh environment.
stamp_of() {
  {
    cat -- "$root/$1" "$root/pyproject.toml"
    "$python" -c 'import sys; print(sys.version, sys.platform)'
    printf '%s\n' "$root"
  } | sha256sum | cut -c1-64
}

# Runs pip quietly, deaf to the caller's own pip habits that would install elsewhere; its words are shown on failure.
run_pip() {
  env -u PYTHONPATH -u PYTHONHOME -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT PIP_USER=0 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1 \
    "$venv/bin/python" -m pip install -q "$@" </dev/null >"$venv/install.log" 2>&1
}

# Packages that exist as source archives alone, separated by commas; nothing else is ever built.
source_archives=atomicwrites

# Installs the lock and the project into $venv: binaries, and what the lock has of $source_archives, which is built here,
# hash-checked like everything else, by the lock's own setuptools.
fill_venv() {
  local built=()
  if grep -qE "^(${source_archives//,/|})==" "$root/$1"; then
    built=(--no-binary "$source_archives" --no-build-isolation)
    awk '/^setuptools==/ { found = 1 } found { print } found && !/\\$/ { exit }' "$root/$1" >"$venv/build.lock"
    run_pip --require-hashes --only-binary :all: --no-deps -r "$venv/build.lock" || return 1
  fi
  run_pip --require-hashes --only-binary :all: ${built[@]+"${built[@]}"} --no-deps -r "$root/$1" &&
    run_pip --no-index --no-deps --no-build-isolation --force-reinstall -e "$root"
}

# An environment that is whole carries the stamp; anything else is made (again), under a lock of its own.
make_venv() {
  local lock=$1 stamp=$2 mark=$3
  if [ -e "$venv" ] && [ ! -f "$venv/pyvenv.cfg" ] && [ -n "$(ls -A -- "$venv")" ]; then
    say "$venv is not a virtual environment and not empty; set PATCHWATCH_VENV to a folder of its own"
    return 10
  fi
  need_venv || return 10
  if { [ -e "$mark" ] && [ "$(cat -- "$mark")" != "$stamp" ]; } ||
    ! "$venv/bin/python" -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    rm -f -- "$venv"/.lock-*.stamp
    if ! env -u PYTHONPATH -u PYTHONHOME "$python" -m venv --clear "$venv" >&2; then
      say "no virtual environment could be made in $venv; set PATCHWATCH_VENV to a folder that you may write"
      return 10
    fi
  fi
  rm -f -- "$mark"
  say "installing into $venv (once; takes a minute)"
  if ! fill_venv "$lock"; then
    tail -n 12 -- "$venv/install.log" >&2
    say "the packages of $lock could not be installed; is the package index reachable? Run it again to go on"
    return 10
  fi
  rm -f -- "$venv/install.log"
  printf '%s\n' "$stamp" >"$mark.new" && mv -f -- "$mark.new" "$mark"
}

# environment LOCK: makes sure that $venv holds LOCK and the project. Fast when it does.
environment() {
  local lock=$1 stamp mark
  find_python || return 10
  choose_venv
  stamp=$(stamp_of "$lock")
  mark=$venv/.lock-${lock%.lock}.stamp
  if [ -x "$venv/bin/patchwatch" ] && [ "$(cat -- "$mark" 2>/dev/null)" = "$stamp" ]; then
    return 0
  fi
  (
    umask 022
    if ! mkdir -p -- "$(dirname -- "$venv")" 2>/dev/null || ! { exec 9>"$venv.lock"; } 2>/dev/null; then
      say "$(dirname -- "$venv") is not writable; set PATCHWATCH_VENV to a folder that you may write"
      exit 10
    fi
    if command -v flock >/dev/null 2>&1; then flock 9; fi
    if [ "$(cat -- "$mark" 2>/dev/null)" = "$stamp" ]; then exit 0; fi
    make_venv "$lock" "$stamp" "$mark"
  )
}
