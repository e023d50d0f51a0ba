"""The product tree of a CSAF document (3.2.2): products by id, and what a relationship joins.

The tree is decoded by msgspec, which bounds its own depth, and walked without recursion.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from sources.errors import ParseError
from sources.formats.csaf_wire import Named, Relationship, Tree
from sources.formats.text import clean_line

MOST_PRODUCTS: Final = 200_000
MOST_HOPS: Final = 8
LONGEST_ID: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product of the tree. Of a relationship `name` and `purl` are the component's, the platform's are apart."""

    product_id: str
    name: str = ""
    component_id: str = ""
    purl: str = ""
    cpe: str = ""
    branch: str = ""  # the category of its branch: "product_version", "product_version_range"
    platform_name: str = ""
    platform_cpe: str = ""


class BadProduct(Exception):
    """A product that is defined by itself, or that is said to be two contradicting things."""


@dataclass(slots=True, kw_only=True)
class Products:
    """The product tree by product id."""

    leaves: dict[str, tuple[Named, str]] = field(default_factory=dict)
    relationships: dict[str, Relationship] = field(default_factory=dict)
    seen: dict[str, Product] = field(default_factory=dict)

    def find(self, product_id: str) -> Product:
        """The product of that id, known or not. Raises BadProduct for a circular one."""
        found = self.seen.get(product_id)
        if found is None:
            found = self._resolve(product_id)
            self.seen[product_id] = found
        return found

    def _resolve(self, product_id: str) -> Product:
        shown = clean_line(product_id, LONGEST_ID)
        relationship = self.relationships.get(product_id)
        if relationship is None:
            component, platform = self._undeclared(product_id)
        else:
            component = self._leaf(relationship.product_reference, product_id, by="product_reference")
            platform = self._leaf(relationship.relates_to_product_reference, product_id, by="relates_to")
        named, category = self.leaves.get(component, (Named(product_id=component), ""))
        if platform is None:
            place = Named(product_id="")
        else:
            place, _ = self.leaves.get(platform, (Named(product_id=platform, name=platform), ""))
        return Product(
            product_id=shown,
            name=clean_line(named.name or component, LONGEST_ID),
            component_id=clean_line(component, LONGEST_ID),
            purl=clean_line(named.product_identification_helper.purl, LONGEST_ID),
            cpe=clean_line(named.product_identification_helper.cpe, LONGEST_ID),
            branch=category,
            platform_name=clean_line(place.name or place.product_id, LONGEST_ID),
            platform_cpe=clean_line(place.product_identification_helper.cpe, LONGEST_ID),
        )

    def _undeclared(self, product_id: str) -> tuple[str, str | None]:
        """An id without a relationship: a leaf, or "platform:component" whose platform is one."""
        if product_id in self.leaves:
            return product_id, None
        at = product_id.find(":")
        while at > 0:
            if product_id[:at] in self.leaves:
                return product_id[at + 1 :], product_id[:at]
            at = product_id.find(":", at + 1)
        return product_id, None

    def _leaf(self, reference: str, product_id: str, *, by: str) -> str:
        """Follows relationships of relationships down to a product of the tree."""
        for _ in range(MOST_HOPS):
            relationship = self.relationships.get(reference)
            if relationship is None:
                return reference
            if by == "relates_to":
                reference = relationship.relates_to_product_reference
            else:
                reference = relationship.product_reference
        raise BadProduct(f"the product {product_id[:200]} is defined by itself")


def read_tree(tree: Tree) -> Products:
    products = Products()
    waiting = list(reversed(tree.branches))
    while waiting:
        branch = waiting.pop()
        if branch.product is not None:
            products.leaves.setdefault(branch.product.product_id, (branch.product, branch.category))
        waiting.extend(reversed(branch.branches))
        if len(products.leaves) > MOST_PRODUCTS:
            raise ParseError(f"more than {MOST_PRODUCTS} products", "product_tree")
    for named in tree.full_product_names[:MOST_PRODUCTS]:
        products.leaves.setdefault(named.product_id, (named, ""))
    if len(tree.relationships) > MOST_PRODUCTS:
        raise ParseError(f"more than {MOST_PRODUCTS} relationships", "product_tree.relationships")
    for one in tree.relationships:
        products.relationships.setdefault(one.full_product_name.product_id, one)
    return products
