from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gateway.server.handover import inherited_from, without_handover
from gateway.server.sockets import CannotListen, Inherited, Opened, Place, open_place

ANY = Place("127.0.0.1", 0)


def handed_on(opened: Opened) -> Inherited:
    return Inherited([one.dup() for one in opened.all])


def number(opened: Opened, visits: int = 60) -> list[int]:
    """Of so many connections, how many each worker found in its sockets."""
    clients = [socket.create_connection((opened.place.host, opened.place.port)) for _ in range(visits)]
    found = []
    for several in opened.own:
        found.append(0)
        for one in several:
            one.setblocking(False)
            try:
                while True:
                    one.accept()[0].close()
                    found[-1] += 1
            except BlockingIOError:
                pass
    for client in clients:
        client.close()
    return found


def test_each_worker_has_its_share_of_one_port():
    opened = open_place(ANY, 3, Inherited())
    found = number(opened)
    assert sum(found) == 60
    assert all(found)
    opened.close()


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (3, 2), (2, 2)])
def test_sockets_of_the_program_before_serve_however_many_workers_there_are(before, after):
    first = open_place(ANY, before, Inherited())
    inherited = handed_on(first)
    second = open_place(first.place, after, inherited)
    assert inherited.close() == []
    first.close()  # the program before has ended
    found = number(second)
    assert sum(found) == 60, "no connection waits in a socket that nobody has"
    assert all(found)
    second.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_two_gateways_never_share_a_port_by_mistake(workers):
    opened = open_place(ANY, workers, Inherited())
    for others in (1, 2):
        with pytest.raises(CannotListen, match=f"127.0.0.1:{opened.place.port}: something else listens there"):
            open_place(opened.place, others, Inherited())
    opened.close()


def test_what_is_not_listened_on_any_more_is_closed_and_named():
    first = open_place(ANY, 2, Inherited())
    inherited = handed_on(first)
    assert inherited.close() == [f"('127.0.0.1', {first.place.port})"] * 2
    first.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", first.place.port))


def test_a_socket_file_is_everybodys_and_goes_with_the_last(tmp_path: Path):
    place = Place("", 0, str(tmp_path / "gateway.sock"))
    first = open_place(place, 2, Inherited())
    assert (len(first.all), len(first.shared)) == (1, 1)
    second = open_place(place, 3, handed_on(first))
    first.close()
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place.unix))
    second.remove_file()
    second.remove_file()
    assert list(tmp_path.iterdir()) == []
    second.close()


def test_a_file_that_somebody_else_has_put_there_stays(tmp_path: Path):
    place = Place("", 0, str(tmp_path / "gateway.sock"))
    mine = open_place(place, 1, Inherited())
    os.rename(str(place.unix), tmp_path / "old")
    theirs = open_place(place, 1, Inherited())
    mine.remove_file()
    assert os.path.exists(str(place.unix))
    mine.close()
    theirs.close()


def test_a_socket_of_systemd_is_everybodys_and_its_file_is_systemds(tmp_path: Path):
    path = tmp_path / "gateway.sock"
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(path))
    made.listen()
    port = socket.create_server(("127.0.0.1", 0))
    place = Place("127.0.0.1", port.getsockname()[1])
    inherited = Inherited(activated=[made, port])
    opened = [open_place(Place("", 0, str(path)), 2, inherited), open_place(place, 2, inherited)]
    assert [one.shared for one in opened] == [(made,), (port,)]
    for one in opened:
        one.remove_file()
        one.close()
    assert path.exists()


def test_sockets_are_named_in_the_environment_and_not_handed_on_unasked():
    first = open_place(ANY, 2, Inherited())
    numbers = ",".join(str(os.dup(one.fileno())) for one in first.all)
    environ = {"GATEWAY_LISTEN_FDS": numbers, "GATEWAY_READY_FD": "9", "LISTEN_FDS": "2", "LISTEN_PID": "1", "PATH": "/bin"}
    inherited = inherited_from(environ)
    assert len(inherited.handed_on) == 2
    assert inherited.activated == [], "those were meant for another process"
    assert not any(one.get_inheritable() for one in inherited.handed_on)
    assert without_handover(environ) == {"PATH": "/bin"}
    inherited.close()
    first.close()
