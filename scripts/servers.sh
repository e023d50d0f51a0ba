# Read by scripts/test: the Debian packages of the servers and referees that the tests use, each with what needs it.
# Root gets them installed (none starts by itself); others are told what is missing and what is skipped for it.

server_packages() {
  cat <<'LIST'
git                     everything that reads git
curl                    public-inbox
public-inbox            tests with a real public-inbox
libsearch-xapian-perl   tests with a real public-inbox
libdbd-sqlite3-perl     tests with a real public-inbox
libplack-perl           tests with a real public-inbox
libinline-c-perl        tests with a real public-inbox
libemail-mime-perl      tests with a real public-inbox
xapian-tools            tests with a real public-inbox
cgit                    tests with a real cgit and git over HTTP
lighttpd                tests with a real cgit and git over HTTP
postgresql              storage tests on PostgreSQL
postfix                 mail tests with a real MTA
opendkim                tests of mail that a real MTA has signed
opendkim-tools          tests of mail that a real MTA has signed
chromium                browser tests of the board
fonts-dejavu-core       browser tests of the board
kmod                    host check tests with real modprobe
libdpkg-perl            version order against dpkg
rpm                     version order against rpm
python3-rpm             version order against rpm
strace                  tests that watch what a command opens
faketime                tests with another clock
jing                    feeds against the RELAX NG schema of Atom
procps                  tests of the whole process
LIST
}

installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Debian's way to say that no service may be started; put back as it was afterwards.
install_quietly() {
  local policy=/usr/sbin/policy-rc.d ours=no code=0
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    ours=yes
  fi
  if command -v debconf-set-selections >/dev/null 2>&1; then
    printf 'postfix postfix/main_mailer_type select No configuration\n' | debconf-set-selections || code=$?
  fi
  apt_install "$@" || code=$?
  if [ "$ours" = yes ]; then rm -f -- "$policy"; fi
  return "$code"
}

need_servers() {
  local package needed_by missing=() reasons=()
  if ! command -v dpkg-query >/dev/null 2>&1; then
    say 'not a Debian or Ubuntu machine: tests that need a server which is not here are skipped by name'
    return 0
  fi
  while read -r package needed_by; do
    if ! installed "$package"; then
      missing+=("$package")
      reasons+=("  $package: $needed_by")
    fi
  done < <(server_packages)
  if [ "${#missing[@]}" = 0 ]; then return 0; fi
  if [ "$(id -u)" = 0 ]; then
    say "installing ${missing[*]}"
    if install_quietly "${missing[@]}"; then return 0; fi
    say 'these could not be installed; what needs them is skipped:'
  else
    say 'these Debian packages are missing; what needs them is skipped:'
  fi
  printf '%s\n' "${reasons[@]}" >&2
  say "install them with: sudo apt-get install -y --no-install-recommends ${missing[*]}"
}
