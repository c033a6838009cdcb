import httpx
from fastapi import FastAPI

PNG = {"Content-Type": "image/png"}


async def test_requests_stages_people_and_models_are_counted(client: httpx.AsyncClient, photo: bytes) -> None:
    await client.post("/v1/pose", content=photo, headers=PNG)
    await client.post("/v1/pose", content=b"", headers=PNG)
    await client.post("/v1/pose", content=b"x" * 300_001, headers=PNG)
    await client.get("/nowhere")
    text = (await client.get("/metrics")).text
    for line in (
        'fasterpose_requests_total{method="/v1/pose",status="200",transport="http"} 1.0',
        'fasterpose_requests_total{method="/v1/pose",status="400",transport="http"} 1.0',
        'fasterpose_requests_total{method="unknown",status="404",transport="http"} 1.0',
        'fasterpose_request_duration_seconds_count{method="/v1/pose",transport="http"} 3.0',
        "fasterpose_persons_per_image_sum 2.0",
        'fasterpose_rejected_total{reason="too-large"} 1.0',
        "fasterpose_in_flight_requests 1.0",
        "fasterpose_in_flight_limit 256.0",
        "fasterpose_queue_limit 2048.0",
        "fasterpose_ready 1.0",
        'model="fake-pose",precision="fp32",runtime="fake"',
        "process_resident_memory_bytes",
    ):
        assert line in text, line
    for stage in ("decode", "detect", "crop", "queue", "estimate", "postprocess", "encode"):
        assert f'fasterpose_stage_duration_seconds_count{{stage="{stage}"}} 1.0' in text


async def test_readiness_is_a_metric(app: FastAPI, client: httpx.AsyncClient) -> None:
    app.state.service.retire()
    assert "fasterpose_ready 0.0" in (await client.get("/metrics")).text
