"""Who applies the patches of which list, and which repositories are trees that we know: data, no code.

From MAINTAINERS of the kernel ("M:" and "T:" of each subsystem), by List-Id. A person here is believed when an answer
says "applied" and no more; anybody else must name the tree or the commit.
"""

from __future__ import annotations

from typing import Final

_VGER: Final = {
    "linux-crypto": ("herbert@gondor.apana.org.au", "davem@davemloft.net"),
    "netdev": (
        "kuba@kernel.org",
        "davem@davemloft.net",
        "pabeni@redhat.com",
        "edumazet@google.com",
        "horms@kernel.org",
    ),
    "bpf": ("ast@kernel.org", "daniel@iogearbox.net", "andrii@kernel.org", "martin.lau@linux.dev"),
    "netfilter-devel": ("pablo@netfilter.org", "fw@strlen.de"),
    "linux-wireless": ("johannes@sipsolutions.net",),
    "linux-bluetooth": ("marcel@holtmann.org", "luiz.dentz@gmail.com"),
    "linux-block": ("axboe@kernel.dk",),
    "io-uring": ("axboe@kernel.dk",),
    "kvm": ("pbonzini@redhat.com", "seanjc@google.com"),
    "linux-fsdevel": ("brauner@kernel.org", "viro@zeniv.linux.org.uk"),
    "linux-ext4": ("tytso@mit.edu",),
    "linux-btrfs": ("dsterba@suse.com",),
    "linux-nfs": ("trondmy@kernel.org", "anna@kernel.org", "chuck.lever@oracle.com", "jlayton@kernel.org"),
    "linux-scsi": ("martin.petersen@oracle.com",),
    "linux-rdma": ("jgg@ziepe.ca", "jgg@nvidia.com", "leon@kernel.org"),
    "linux-usb": ("gregkh@linuxfoundation.org",),
    "linux-security-module": ("paul@paul-moore.com",),
    "selinux": ("paul@paul-moore.com",),
    "linux-integrity": ("zohar@linux.ibm.com", "jarkko@kernel.org"),
    "keyrings": ("dhowells@redhat.com", "jarkko@kernel.org"),
    "stable": ("gregkh@linuxfoundation.org", "sashal@kernel.org"),
}
_ELSEWHERE: Final = {
    "linux-mm.kvack.org": ("akpm@linux-foundation.org",),
    "linux-arm-kernel.lists.infradead.org": ("catalin.marinas@arm.com", "will@kernel.org"),
}
MAINTAINERS: Final = {f"{name}.vger.kernel.org": frozenset(people) for name, people in _VGER.items()} | {
    name: frozenset(people) for name, people in _ELSEWHERE.items()
}
# These apply on every list.
EVERYWHERE: Final = frozenset(
    {"gregkh@linuxfoundation.org", "torvalds@linux-foundation.org", "akpm@linux-foundation.org"}
)

# Repository -> our name of the tree; others go by the repository's own name ("net-next").
TREES: Final = {"linux": "mainline", "linux-next": "linux-next", "cryptodev-2.6": "cryptodev", "crypto-2.6": "crypto"}
# A tree of fixes, and the one of features beside it: after the next merge each has what the other had.
FEATURES_OF: Final = {
    "crypto": "cryptodev",
    "tree-net": "tree-net-next",
    "tree-bpf": "tree-bpf-next",
}
