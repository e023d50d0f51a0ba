"""Rocky Linux: Apollo's pages (JSON) and updateinfo.xml of its repositories, told apart by their first character."""

from __future__ import annotations

from advisories.observation import ErratumObservation, ParsedDocument, Record
from advisories.versions import branch_of
from sources.base import RawDocument
from sources.formats.inflate import is_gzip
from sources.formats.rpm_kernels import KernelBuild, KernelErratum, fixed_cells, kernel_builds
from sources.formats.times import day_of
from sources.formats.updateinfo import Update, read_updateinfo
from sources.rocky.apollo import DISTRO, ERRATUM, read_page, read_product


def parse(raw: RawDocument) -> ParsedDocument:
    """One record per erratum about a kernel. Raises ParseError."""
    if is_gzip(raw.body) or raw.body.lstrip()[:1] == b"<":
        updates, rejected = read_updateinfo(raw.body)
        records = [record for one in updates if (record := _from_update(one)) is not None]
        return ParsedDocument(records=tuple(records), rejected=rejected)
    return read_page(raw.body)


def _from_update(update: Update) -> Record | None:
    builds = kernel_builds(DISTRO, update.packages)
    release = _release(update, builds)
    if ERRATUM.fullmatch(update.id) is None or release is None or not builds:
        return None
    published = KernelErratum(distro=DISTRO, release=release, erratum=update.id, day=day_of(update.issued))
    erratum = ErratumObservation(
        erratum=update.id,
        distro=DISTRO,
        title=update.title,
        cves=update.cves,
        issued=update.issued,
        updated=update.updated,
        url=f"https://errata.rockylinux.org/{update.id}",
    )
    return Record(
        key=update.id,
        observations=(erratum, *fixed_cells(builds, published, update.cves)),
        modified=update.updated or update.issued,
        slice=update.slice,
    )


def _release(update: Update, builds: tuple[KernelBuild, ...]) -> str | None:
    """The release that the erratum names, else that of the kernel's dist tag."""
    product = read_product(update.release)
    if product is not None:
        return product[0]
    tags = (branch_of(DISTRO, version) for build in builds for version in build.versions)
    return next((tag.removeprefix("el").partition("_")[0] for tag in tags if tag), None)
