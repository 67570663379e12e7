"""An installation of the service on this machine, for measurements: PostgreSQL, a stand-in for S3, and its programs.

The stand-in keeps objects in memory, those of multipart uploads in temporary files, and answers each call after a delay.
It can also have an object for every key of rows that were filled in: see `Store.pretend`.
"""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


# ---- the stand-in for S3

ETAG = 'ETag: "1"\r\n'


class Pieces:
    """A body in temporary files: each piece is a file with the place and the length in it."""

    def __init__(self, pieces):
        self.pieces = pieces

    def __len__(self):
        return sum(length for _, _, length in self.pieces)

    def __getitem__(self, part):
        start, stop, _ = part.indices(len(self))
        return Pieces(list(self.within(start, stop)))

    def within(self, start, stop):
        for file, place, length in self.pieces:
            first, last = max(start, 0), min(stop, length)
            if first < last:
                yield file, place + first, last - first
            start, stop = start - length, stop - length

    def chunks(self):
        for file, place, length in self.pieces:
            for at in range(0, length, 1 << 20):
                yield os.pread(file.fileno(), min(1 << 20, length - at), place + at)


class Objects:
    """What the stand-in has, how long it takes for a call, and how many there were."""

    def __init__(self):
        self.bodies, self.defaults = {}, {}
        # by id: the file of a multipart upload, and its parts by number
        self.uploads = {}
        self.delay, self.calls, self.seconds = 0.0, {}, 0.0

    def find(self, key):
        found = self.bodies.get(key)
        if found is None:
            found = next((body for prefix, body in self.defaults.items() if f"{prefix}/" in key), None)
        return found

    def answer(self, method, target, headers, body):
        """Status, further headers and body."""
        path, _, query = target.partition("?")
        key = path.partition("/")[2].partition("/")[2]
        if path.startswith("/-/"):
            return self.control(path, body)
        self.calls[method] = self.calls.get(method, 0) + 1
        if not key:
            return self.delete_several(body) if method == "POST" else (200, "", b"")
        copied = headers.get("x-amz-copy-source")
        if copied:
            body = self.find(urllib.parse.unquote(copied).partition("/")[2])
            first, last = re.findall(r"\d+", headers.get("x-amz-copy-source-range", "")) or (0, len(body) - 1)
            body = body[int(first) : int(last) + 1]
        if method == "POST" or "uploadId=" in query:
            return self.part(method, key, urllib.parse.parse_qs(query), body)
        if method == "PUT":
            self.bodies[key] = body
            return 200, ETAG, b"<CopyObjectResult><ETag>1</ETag></CopyObjectResult>" if copied else b""
        if method == "DELETE":
            self.bodies.pop(key, None)
            return 204, "", b""
        found = self.find(key)
        if found is None:
            return 404, "", b""
        part = re.match(r"bytes=(\d+)-(\d+)", headers.get("range", ""))
        if not part:
            return 200, ETAG, found
        first, last = int(part[1]), min(int(part[2]), len(found) - 1)
        return 206, f"Content-Range: bytes {first}-{last}/{len(found)}\r\n{ETAG}", found[first : last + 1]

    def part(self, method, key, query, body):
        """A request of a multipart upload."""
        if method == "POST" and "uploadId" not in query:
            upload = str(len(self.uploads) + 1)
            self.uploads[upload] = tempfile.TemporaryFile(), {}
            result = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            return 200, "", result.encode()
        upload = query["uploadId"][0]
        file, parts = self.uploads.get(upload, (None, None))
        if not file:
            return 404, "", b"<Error><Code>NoSuchUpload</Code></Error>"
        if method == "PUT":
            if isinstance(body, bytes):
                body = Pieces([(file, file.seek(0, os.SEEK_END), file.write(body))])
                file.flush()
            parts[int(query["partNumber"][0])] = body
            return 200, ETAG, b"<CopyPartResult><ETag>1</ETag></CopyPartResult>"
        self.uploads[upload] = None, None
        if method == "DELETE":
            return 204, "", b""
        numbers = map(int, re.findall(rb"<PartNumber>(\d+)</PartNumber>", body))
        self.bodies[key] = Pieces([piece for number in numbers for piece in parts[number].pieces])
        return 200, "", b"<CompleteMultipartUploadResult/>"

    def delete_several(self, body):
        for key in re.findall(rb"<Key>([^<]*)</Key>", body):
            self.bodies.pop(key.decode(), None)
        return 200, "", b"<DeleteResult/>"

    def control(self, path, body):
        settings = json.loads(body or b"{}")
        self.delay = settings.get("delay", self.delay)
        for prefix, key in settings.get("defaults", {}).items():
            # objects may have names that begin with a hash of the key
            self.defaults[prefix] = next(body for name, body in self.bodies.items() if name.endswith(key))
        return 200, "", json.dumps({"calls": self.calls, "seconds": self.seconds}).encode()


def without_chunks(body):
    """The content of a body in `aws-chunked` coding."""
    content, at = b"", 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].partition(b";")[0], 16)
        if size == 0:
            return content
        content += body[end + 2 : end + 2 + size]
        at = end + 2 + size + 2


async def serve_connection(objects, reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            if "100-continue" in headers.get("expect", ""):
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            started = time.monotonic()
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            if "aws-chunked" in headers.get("content-encoding", ""):
                body = without_chunks(body)
            status, further, content = objects.answer(method, target, headers, body)
            if objects.delay and not target.startswith("/-/"):
                await asyncio.sleep(objects.delay)
            length = "" if status == 204 else f"Content-Length: {len(content)}\r\n"
            answer = f"HTTP/1.1 {status} -\r\n{length}{further}\r\n".encode()
            writer.write(answer)
            for chunk in content.chunks() if isinstance(content, Pieces) else [content]:
                if method != "HEAD":
                    writer.write(chunk)
                await writer.drain()
            if not target.startswith("/-/"):
                objects.seconds += time.monotonic() - started
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def serve_store(port):
    objects = Objects()
    server = await asyncio.start_server(lambda r, w: serve_connection(objects, r, w), "127.0.0.1", port)
    await server.serve_forever()


class Store:
    """The stand-in, in a process of its own."""

    def __init__(self, installation):
        self.port = free_port()
        installation.start([sys.executable, os.path.abspath(__file__), str(self.port)], "store", {})
        wait_for(f"http://127.0.0.1:{self.port}/-/")

    def control(self, **settings):
        body = json.dumps(settings).encode()
        return json.loads(fetch(f"http://127.0.0.1:{self.port}/-/", body=body)[0])

    def delay(self, seconds):
        """From now on, each call takes so long."""
        self.control(delay=seconds)

    def calls(self):
        """How many calls there were so far, by method."""
        return self.control()["calls"]

    def seconds(self):
        """How long all calls have taken so far, together."""
        return self.control()["seconds"]

    def pretend(self, **keys):
        """Of each prefix, every key without an object has a copy of that object."""
        self.control(defaults=keys)


# ---- processes

class Installation:
    """Everything that was started; as a context, it ends with it."""

    def __init__(self, programs, servers):
        self.folder = tempfile.mkdtemp(prefix="planet-installation-")
        self.programs, self.processes = programs, []
        # statements of `sql` in the own database, each of which is a commit
        self.statements = 0
        subprocess.run([f"{ROOT}/scripts/servers", "start", "postgres", servers], check=True)
        said = open(os.path.join(servers, "env")).read()
        self.server_url = re.search(r"TEST_DATABASE_URL=(\S+)", said)[1].rpartition("/")[0]
        self.database = f"planet_measured_{os.getpid()}"
        self.sql(f"CREATE DATABASE {self.database}", database="postgres")
        self.store = Store(self)
        self.environment = {
            "DATABASE_URL": f"{self.server_url}/{self.database}",
            "STORE_URL": "s3://planet",
            "QUEUE_URL": "memory:",
            "POLL_S": "0.05",
            "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.store.port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "measured",
            "AWS_SECRET_ACCESS_KEY": "measured",
            "RUST_LOG": "warn",
        }
        self.admin("migrate")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            self.stop(process)
        self.sql(f"DROP DATABASE {self.database} WITH (FORCE)", database="postgres")
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, command, name, settings):
        log = open(f"{self.folder}/{name}.log", "ab")
        environment = {"PATH": os.environ["PATH"], **settings}
        process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def program(self, name, **settings):
        """Starts a program of the service."""
        spool = {"SPOOL_DIR": f"{self.folder}/spool-{len(self.processes)}"}
        return self.start([f"{self.programs}/{name}"], name, {**self.environment, **spool, **settings})

    def api(self, **settings):
        """Starts `planet-api`; its process and its URL."""
        port = free_port()
        process = self.program("planet-api", BIND=f"127.0.0.1:{port}", **settings)
        wait_for(f"http://127.0.0.1:{port}/readyz")
        return process, f"http://127.0.0.1:{port}"

    def admin(self, *arguments, **settings):
        """Runs `planet-admin`; its output."""
        environment = {"PATH": os.environ["PATH"], **self.environment, **settings}
        command = [f"{self.programs}/planet-admin", *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            sys.exit(f"planet-admin {arguments}: {done.stderr}")
        return done.stdout.strip()

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def sql(self, text, database=None):
        """Runs SQL; the values of its rows."""
        self.statements += database is None
        psql = [psql_program(), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", f"{self.server_url}/{database or self.database}"]
        done = subprocess.run(psql, input=text, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{text[:300]}: {done.stderr}")
        return [line.split("|") for line in done.stdout.splitlines()]

    def number(self, text):
        return float(self.sql(text)[0][0])


def psql_program():
    found = shutil.which("psql") or "/usr/lib/postgresql/15/bin/psql"
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def fetch(url, headers=None, body=None, method=None):
    """The body and the headers of an answer."""
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read(), answer.headers


def wait_for(url):
    for _ in range(400):
        try:
            return fetch(url)
        except OSError:
            time.sleep(0.05)
    sys.exit(f"no answer from {url}")


def cpu_seconds(process):
    """CPU time of a process so far, user and system."""
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def picture(rng, width, height):
    """A PPM of random soft shapes."""
    spots = [(rng.random() * width, rng.random() * height, rng.choices(range(256), k=3)) for _ in range(6)]
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            pixels += bytes(min(spots, key=lambda s: (x - s[0]) ** 2 + (y - s[1]) ** 2)[2])
    return b"P6 %d %d 255\n" % (width, height) + bytes(pixels)


def upload(url, picture):
    """Uploads a picture; the id of its image."""
    return json.loads(fetch(f"{url}/images", body=picture)[0])["id"]


if __name__ == "__main__":
    asyncio.run(serve_store(int(sys.argv[1])))
