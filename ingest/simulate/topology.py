"""What a shop may consist of, before a seed chooses: roles, their actions, and the flows of calls among them."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Role:
    """A part of the shop that one service plays."""

    name: str
    synonyms: tuple[str, ...]
    tables: tuple[str, ...]
    optional: bool = False


ROLES = (
    Role("gateway", ("gateway", "edge", "frontdoor", "ingress-api"), ("routes", "clients")),
    Role("catalog", ("catalog", "products", "merchandise", "assortment"), ("products", "articles")),
    Role("search", ("search", "finder", "discovery", "lookup"), ("product_index", "terms"), optional=True),
    Role("pricing", ("pricing", "quotes", "tariff", "price-engine"), ("price_lists", "rates")),
    Role("inventory", ("inventory", "stock", "warehouse", "availability"), ("stock_levels", "bins")),
    Role("recommend", ("recommend", "suggestions", "personalization", "advisor"), ("signals",), optional=True),
    Role("account", ("account", "users", "identity", "customer"), ("users", "sessions")),
    Role("cart", ("cart", "basket", "trolley", "bag"), ("carts", "cart_items")),
    Role("order", ("order", "checkout", "purchase", "sales"), ("orders", "order_events")),
    Role("payment", ("payment", "billing", "charge", "cashier"), ("payments", "charges")),
    Role("fraud", ("fraud", "risk", "screening", "trust"), ("rules", "scores"), optional=True),
    Role("shipping", ("shipping", "delivery", "logistics", "courier"), ("parcels", "slots")),
    Role("notify", ("notify", "messenger", "mailer", "alerts"), ("outbox",)),
    Role("coupon", ("coupon", "promotion", "discount", "voucher"), ("coupons",), optional=True),
)
"""In this order; the optional ones are left out first when fewer services are asked for."""

NAME_STYLES = ("{name}", "{name}-service", "svc-{name}", "{brand}-{name}", "{name}-api", "{brand}-{name}-svc")
BRANDS = ("acorn", "lumen", "north", "tulip", "harbor", "mosaic", "cedar", "pico")
NAMESPACES = ("shop", "store-prod", "retail", "prod", "market")
PROVIDERS = ("partner API", "api.partner.example", "remote provider", "vendor-gw", "upstream vendor")
"""What a service may use outside the shop."""
STORES = ("postgres", "redis", "mysql", "mongo", "cassandra")


@dataclasses.dataclass(frozen=True)
class Visit:
    """A call of one role's action with the calls that it makes in turn. `shuffle`: their order is the seed's choice."""

    action: str
    calls: tuple["Visit", ...] = ()
    shuffle: bool = False
    optional: bool = False
    """The caller goes on without it when it fails."""
    chance: float = 1.0
    """The share of seeds in which this call exists."""


@dataclasses.dataclass(frozen=True)
class FlowSpec:
    """What a client asks for. `weight`: its share of the traffic before the seed varies it by up to a third."""

    name: str
    method: str
    paths: tuple[str, ...]
    weight: float
    root: Visit


_COUPON = Visit("coupon.apply", optional=True)
_VERIFY = Visit("account.verify", chance=0.6)

FLOWS = (
    FlowSpec(
        "browse",
        "GET",
        ("/api/products", "/v1/items", "/shop/catalog"),
        0.34,
        Visit(
            "gateway.route",
            (
                Visit(
                    "catalog.show",
                    (
                        Visit("pricing.quote", (Visit("coupon.apply", optional=True, chance=0.5),)),
                        Visit("inventory.check"),
                        Visit("recommend.suggest", optional=True),
                    ),
                    shuffle=True,
                ),
            ),
        ),
    ),
    FlowSpec(
        "search",
        "GET",
        ("/api/search", "/v1/find", "/shop/search"),
        0.14,
        Visit(
            "gateway.route",
            (Visit("search.query", (Visit("inventory.check", chance=0.5),)), Visit("catalog.list", chance=0.7)),
        ),
    ),
    FlowSpec(
        "login",
        "POST",
        ("/api/login", "/v1/session", "/auth/token"),
        0.10,
        Visit("gateway.route", (Visit("account.login", (Visit("cart.load", chance=0.5),)),)),
    ),
    FlowSpec(
        "add",
        "POST",
        ("/api/cart", "/v1/basket", "/shop/cart/items"),
        0.15,
        Visit(
            "gateway.route",
            (
                _VERIFY,
                Visit("cart.add", (Visit("inventory.check"), Visit("pricing.quote", chance=0.7)), shuffle=True),
            ),
        ),
    ),
    FlowSpec(
        "checkout",
        "POST",
        ("/api/orders", "/v1/checkout", "/shop/purchase"),
        0.14,
        Visit(
            "gateway.route",
            (
                _VERIFY,
                Visit(
                    "order.place",
                    (
                        Visit("cart.load"),
                        Visit("pricing.total", (_COUPON,)),
                        Visit("inventory.reserve"),
                        Visit("payment.authorise", (Visit("fraud.score"),)),
                        Visit("shipping.book", (Visit("notify.send", optional=True),)),
                    ),
                ),
            ),
        ),
    ),
    FlowSpec(
        "track",
        "GET",
        ("/api/orders/status", "/v1/tracking", "/shop/parcels"),
        0.07,
        Visit("gateway.route", (Visit("order.status", (Visit("shipping.locate"),)),)),
    ),
    FlowSpec(
        "cancel",
        "DELETE",
        ("/api/orders", "/v1/returns", "/shop/cancel"),
        0.03,
        Visit(
            "gateway.route",
            (
                Visit(
                    "order.cancel",
                    (
                        Visit("payment.refund"),
                        Visit("inventory.release"),
                        Visit("notify.send", optional=True),
                    ),
                    shuffle=True,
                ),
            ),
        ),
    ),
    FlowSpec(
        "profile",
        "GET",
        ("/api/me", "/v1/profile", "/account"),
        0.05,
        Visit("gateway.route", (Visit("account.profile", (Visit("coupon.apply", optional=True, chance=0.4),)),)),
    ),
)
