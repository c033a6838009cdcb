from service.zoo import describe_zoo, embedded_bundles, find_bundle


def test_the_embedded_bundles_are_listed_with_what_they_are() -> None:
    names = embedded_bundles()
    assert {"fasterpose-r18", "fasterpose-yolo11n", "person-detector"} <= set(names)
    lines = describe_zoo().splitlines()
    assert [line.split()[0] for line in lines] == names
    assert all("fp32: " in line for line in lines)


def test_an_embedded_bundle_is_found_by_its_name() -> None:
    for name in embedded_bundles():
        assert (find_bundle(name) / "model.onnx").is_file()
