"""llama.cpp's own server, and nginx before it with the paths of Azure OpenAI: two servers that nobody here wrote."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import xllamacpp

KEY = "ll4m4not0a0real0key09e1c"
MODEL = "smollm2"
CONTEXT = 512
CONFIGURATION = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/json;
    server {{
        listen 127.0.0.1:{port};
        location ~ ^/openai/deployments/{model}/(?<operation>chat/completions|embeddings)$ {{
            if ($http_api_key != "{key}") {{ return 401 '{{"error": {{"code": "401", "message": "wrong key"}}}}'; }}
            if ($args !~ "api-version=2") {{ return 404 '{{"error": {{"code": "404", "message": "No resource"}}}}'; }}
            proxy_pass {llama}/v1/$operation;
            proxy_set_header Authorization "Bearer {key}";
            proxy_buffering off;
        }}
        location /openai/deployments/ {{
            return 404 '{{"error": {{"code": "DeploymentNotFound", "message": "The API deployment does not exist."}}}}';
        }}
        location / {{ return 404 '{{"error": {{"code": "404", "message": "No resource"}}}}'; }}
    }}
}}
"""


@dataclass(frozen=True)
class LlamaServer:
    """url: of llama.cpp's server, without /v1; it wants KEY and gives every name of a model the one it has."""

    url: str


@contextmanager
def llama_server(gguf: Path) -> Iterator[LlamaServer]:
    """Chat and embeddings of one model from this process, with a context of CONTEXT tokens."""
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads, params.warmup = CONTEXT, 1, 1, False
    params.embedding, params.verbosity = True, 1
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.api_keys = [KEY]
    running = xllamacpp.Server(params)
    yield LlamaServer(running.listening_address)


@contextmanager
def azure_style(llama: LlamaServer, folder: Path) -> Iterator[str]:
    """The address of nginx, which knows KEY, deployment MODEL and api versions from 2000 on; skips without nginx."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or shutil.which("nginx")
    if nginx is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    file = folder / "nginx.conf"
    file.write_text(CONFIGURATION.format(folder=folder, port=port, llama=llama.url, key=KEY, model=MODEL))
    command = [nginx, "-p", str(folder), "-c", str(file)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        master = psutil.Process(int((folder / "nginx.pid").read_text()))
        master.terminate()
        psutil.wait_procs([master], timeout=10)
