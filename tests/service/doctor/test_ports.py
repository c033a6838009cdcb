import socket

from service.doctor.ports import check_ports
from service.settings import ServiceSettings


def test_free_ports_are_ok() -> None:
    assert [found.verdict for found in check_ports(ServiceSettings(http_port=0, grpc_port=0, admin_port=0))] == [
        "ok"
    ] * 3


def test_a_taken_port_is_wrong_and_its_flag_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        http, grpc = check_ports(ServiceSettings(http_port=0, grpc_port=port))
    assert (http.verdict, grpc.verdict) == ("ok", "wrong")
    assert f"port {port}: Address already in use" in grpc.says
    assert grpc.remedy == "choose another --grpc-port"


def test_one_port_for_two_is_wrong() -> None:
    assert [found.verdict for found in check_ports(ServiceSettings(http_port=20031, grpc_port=20031))] == ["wrong"] * 2


def test_an_address_of_another_machine_is_wrong() -> None:
    http, _ = check_ports(ServiceSettings(host="192.0.2.1", http_port=0, grpc_port=0))
    assert http.verdict == "wrong"
    assert "192.0.2.1" in http.says
