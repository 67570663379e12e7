"""Uploads, lists, views and deletes an image with a client that was generated from the OpenAPI document."""

import json
import struct
import sys
import zlib
from io import BytesIO

from planet_client import Client
from planet_client.api.images import delete_image, get_image, list_images, upload_image
from planet_client.api.renders import get_animation, get_render, list_presets, list_renders, play_image
from planet_client.models import GetRenderColor, ImageBody, ProblemBody, UploadForm
from planet_client.types import File


def png(width, height):
    """A grey gradient."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(x * 255 // width for x in range(width)) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def main(address):
    client = Client(base_url=address)

    form = UploadForm(image=File(payload=BytesIO(png(64, 48)), file_name="gradient.png", mime_type="image/png"))
    image = upload_image.sync(client=client, body=form, prefer="wait=20")
    assert isinstance(image, ImageBody) and (image.width, image.height) == (64, 48), image
    raw = upload_image.sync(client=client, body=File(payload=BytesIO(png(8, 8))))
    assert isinstance(raw, ImageBody) and raw.id != image.id, raw

    listed = list_images.sync(client=client, limit=10)
    assert {item.id for item in listed.items} == {image.id, raw.id}, listed
    assert get_image.sync(client=client, id=image.id).name == "gradient.png"

    text = get_render.sync_detailed(client=client, id=image.id, width=30)
    assert text.status_code == 200 and len(text.content.decode().splitlines()) == 11, text
    colored = get_render.sync_detailed(client=client, id=image.id, width=30, color=GetRenderColor.FULL)
    assert b"\x1b[38;2;" in colored.content, colored
    assert any(preset.name == "default" for preset in list_presets.sync(client=client).items)
    assert len(list_renders.sync(client=client, id=image.id).items) > 0
    assert get_animation.sync(client=client, id=image.id).durations_ms == [0]
    recording = play_image.sync_detailed(client=client, id=image.id, width=30, format_="cast")
    assert json.loads(recording.content.splitlines()[0])["version"] == 2, recording

    assert delete_image.sync_detailed(client=client, id=raw.id).status_code == 204
    gone = get_image.sync(client=client, id=raw.id)
    assert isinstance(gone, ProblemBody) and gone.status == 404, gone


main(sys.argv[1])
