"""Models of the gym: what its events mean."""

import polars as pl

import eventsource as es


class Member(es.Model, created="MemberJoined", deleted="MemberLeft"):
    """A member of the gym; the entity is the stream, such as ``member-2``."""

    name = es.latest("MemberJoined", of="name")
    city = es.latest("MemberJoined", "MemberMoved", of="address.city")
    channel = es.first("MemberJoined", of="channel")
    has_pass = es.flag(on="PassBought", off=("PassCancelled", "PassExpired"))
    visits = es.count("VisitMade")
    paid = es.total("PassBought", of="price", dtype=pl.Decimal(18, 2))
