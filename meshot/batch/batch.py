"""A batch from its orders to its summary: what is settled is skipped, the rest goes to the workers."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager

from meshot.batch.ledger import Ledger
from meshot.batch.loop import Loop, Workers
from meshot.batch.order import Order, Record
from meshot.batch.summary import Summary
from meshot.batch.view import progress_view


def run_batch(
    orders: Sequence[Order], ledger: Ledger, crew: AbstractContextManager[Workers], *, retry_failed: bool = False
) -> int:
    """Run what is not settled, and write the summary of all that the ledger knows.

    Parameters
    ----------
    orders : sequence of Order
    ledger : Ledger
    crew : context manager of a crew
        Entered if there is anything to do.
    retry_failed : bool
        Run what has failed before, too.

    Returns
    -------
    int
        How many meshes were run.

    Raises
    ------
    KeyboardInterrupt
        It was interrupted; the message says what is kept.
    """
    todo = [order for order in orders if not ledger.settles(order, retry_failed=retry_failed)]
    summary = Summary(ledger.folder, ledger.command, ledger.records)
    ended: Counter[str] = Counter()

    def keep(record: Record) -> None:
        ledger.add(record)
        ended[record.status] += 1
        summary.write_if_due(len(todo) - ended.total())

    loop = Loop(keep)
    with ledger.open():
        try:
            if todo:
                with progress_view(len(todo)) as tell, crew as workers:
                    loop.run(workers, todo, lambda: tell(ended, loop.names, len(loop.waiting)))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(_kept(orders, ledger)) from None
        finally:
            loop.clear_away()
            summary.write(len(todo) - ended.total())
    return len(todo)


def _kept(orders: Sequence[Order], ledger: Ledger) -> str:
    done = sum(ledger.records[order.name].status == "done" for order in orders if order.name in ledger.records)
    return f"interrupted; {done} of {len(orders)} meshes are done and kept, and the same command goes on"
