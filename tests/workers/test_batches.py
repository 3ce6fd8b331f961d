"""Batches: every item once, about a second each, errors at once."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from time import sleep

import pytest
from workers.worker_functions import refused, squared

from qgeo.workers.batches import MOST_ITEMS, QUEUED, batch_size, results, worked


class Threads:
    """A pool of one worker that notes the batches it gets, and how many it had at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.under_way = self.most = 0

    def share(self, common):
        return common

    def submit(self, work, common, items):
        self.sizes.append(len(items))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        future = Future()
        Thread(target=self._work, args=(future, work, common, items)).start()
        return future

    def _work(self, future, work, common, items):
        try:
            done = worked(work, common, items)
        except ValueError as error:
            future.set_exception(error)
        else:
            self.under_way -= 1
            future.set_result(done)

    def result(self, future):
        return future.result()

    def size(self):
        return 1


def test_every_item_comes_back_once_with_its_result():
    # Seen to fail: results of a batch given to its items in another order.
    found = dict(results(squared, 5, range(100), Threads()))
    assert {item: value for item, (value, _) in found.items()} == {item: 5 + item**2 for item in range(100)}


def test_quick_items_travel_together_and_few_batches_wait():
    # Seen to fail: batches of one; all of them submitted at once.
    pool = Threads()
    assert len(list(results(squared, 0, range(1000), pool))) == 1000
    assert pool.sizes[0] == 1
    assert max(pool.sizes) == MOST_ITEMS
    assert pool.most <= QUEUED


@pytest.mark.parametrize(
    ("seconds", "waiting", "workers", "size"),
    [
        (0.05, 10_000, 100, 20),
        (1e-12, 10**6, 100, MOST_ITEMS),
        (60.0, 10**6, 100, 1),
        (0.05, 40, 8, 2),
        (0.1, 0, 0, 1),
    ],
)
def test_a_batch_takes_a_second_and_none_is_left_with_the_rest(seconds, waiting, workers, size):
    # Seen to fail: no fewer towards the end; batches without an item.
    assert batch_size(seconds, waiting, workers) == size


def test_an_error_of_the_work_is_raised():
    with pytest.raises(ValueError, match="no "):
        list(results(refused, 0, range(10), Threads()))


def test_nothing_to_do_is_nothing_submitted():
    pool = Threads()
    assert list(results(squared, 0, [], pool)) == []
    assert pool.sizes == []


def test_a_worker_of_several_threads_works_on_one_batch():
    # Seen to fail: without the lock two batches of one process at once, whose thread counts are shared.
    inside, most = [], []

    def watched(_, item):
        inside.append(item)
        most.append(len(inside))
        sleep(0.001)
        inside.remove(item)

    threads = [Thread(target=worked, args=(watched, None, range(20))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
