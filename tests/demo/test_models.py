"""What the fields of the notebooks' models mean."""

from datetime import date

from eventsource.demo.models import Subscriber, Ticket
from eventsource.testing import event, given


def test_support_is_prompt_up_to_four_days() -> None:
    """An early ticket is prompt if answered within four days; without an answer its customer waits longer."""
    asked = (
        event("CustomerCreated", at="2024-01-01", channel="voucher"),
        event("TicketOpened", at="2024-01-02", ticket_id="T-1"),
        event("PremiumPlanBought", at="2024-01-03"),
    )
    given(Subscriber, *asked).then("entity-1", support="waited longer", came_by="voucher", stays=True)
    prompt = event("TicketClosed", at="2024-01-06", ticket_id="T-1", rating=5)
    given(Subscriber, *asked, prompt).then("entity-1", support="answered within 4 days")
    slow = event("TicketClosed", at="2024-01-06T00:00:01", ticket_id="T-1", rating=5)
    given(Subscriber, *asked, slow).then("entity-1", support="waited longer", joined=date(2024, 1, 1))


def test_a_ticket_after_the_first_90_days_is_ignored() -> None:
    """Only a ticket of the first 90 days decides the field ``support``."""
    life = (
        event("CustomerCreated", at="2024-01-01"),
        event("PremiumPlanBought", at="2024-01-03"),
        event("TicketOpened", at="2024-05-01", ticket_id="T-1"),
    )
    given(Subscriber, *life).then("entity-1", support="no early ticket")


def test_deleted_subscribers_did_not_stay() -> None:
    """A subscriber whose account was deleted still exists, as one who left."""
    life = (event("PremiumPlanBought", at="2024-01-03"), event("CustomerDeleted", at="2024-02-01"))
    given(Subscriber, *life).then("entity-1", stays=False)


def test_tickets_are_entities() -> None:
    """The entity is the ticket's id, not the customer's stream."""
    given(
        Ticket,
        event("TicketOpened", "customer-1", at="2024-01-01", ticket_id="T-1", topic="bug"),
        event("TicketOpened", "customer-1", at="2024-01-01", ticket_id="T-2", topic="billing"),
        event("TicketClosed", "customer-1", at="2024-01-02", ticket_id="T-2", rating=None),
    ).then("T-1", status="waiting", topic="bug").then("T-2", status="answered", rating=None)
