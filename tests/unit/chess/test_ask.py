"""Asking a front: how it is noticed that it is gone."""

import socket

from picloud_chess import ask


def test_a_front_that_loses_its_power_is_noticed_before_its_answer_is_due():
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = ask._Connection(*server.getsockname())
        connection.connect()
        given = connection.sock.getsockopt
        assert given(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        first, again, times = (
            given(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        connection.close()
    assert first + again * times < 10 < ask.ANSWERED_S


def test_an_empty_file_holds_no_game(tmp_path, capsys):
    path = tmp_path / "game.pgn"
    path.write_text("\n \n")
    assert ask.main(["http://front", "--pgn", str(path)]) == 1
    assert f"{path} is empty; it should hold one game" in capsys.readouterr().err
