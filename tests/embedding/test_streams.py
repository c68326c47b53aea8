import threading

import pytest
import torch

from sklearn_clip.embedding._streams import open_pool, open_streams

pytestmark = pytest.mark.any_processor

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    assert torch.get_num_threads() == 4
    torch.set_num_threads(before)


@pytest.mark.parametrize(("most", "count"), [(0, 1), (1, 1), (2, 2), (3, 3), (99, 4)])
def test_streams_divide_the_threads(most, count):
    with open_streams(CPU, most) as streams:
        assert streams.count == count
        results = [streams.submit(lambda _: torch.get_num_threads(), i) for i in "abcd"]
        assert [result() for result in results] == [4 // count] * 4


def test_streams_run_side_by_side():
    meeting = threading.Barrier(2, timeout=600)
    with open_streams(CPU, 2) as streams:
        for result in [streams.submit(lambda _: meeting.wait(), i) for i in "ab"]:
            result()


def test_one_stream_does_its_work_in_the_thread_that_asks():
    with open_streams(CPU, 1) as streams:
        result = streams.submit(lambda _: threading.current_thread(), None)
    assert result() is threading.current_thread()


def test_a_gpu_gets_one_stream():
    with open_streams(torch.device("cuda"), 8) as streams:
        assert streams.count == 1


def test_only_one_at_a_time_divides():
    with open_streams(CPU, 4) as first:
        with open_streams(CPU, 4) as second:
            assert (first.count, second.count) == (4, 1)
        assert torch.get_num_threads() == 1
    with open_streams(CPU, 4) as third:
        assert third.count == 4


def test_errors_arrive_and_threads_come_back():
    with (
        pytest.raises(ZeroDivisionError),
        open_streams(CPU, 2) as streams,
    ):
        streams.submit(lambda x: 1 / x, 0)()


def test_pool_cancels_what_has_not_begun():
    begun, let_go = [], threading.Event()

    def work(number):
        begun.append(number)
        let_go.wait(30)

    with open_pool(1) as pool:
        futures = [pool.submit(work, number) for number in range(3)]
        while not begun:
            pass
        threading.Timer(0.2, let_go.set).start()
    assert begun == [0]
    assert [future.cancelled() for future in futures] == [False, True, True]
