"""Publish embeddings of the people whom Frigate sees, over MQTT.

Run it with: python frigate_embeddings.py HOST [PORT]

For each picture of a person that Frigate publishes (frigate/CAMERA/person/snapshot), it publishes
JSON on reid/frigate/CAMERA/person/embedding. MQTT_USER and MQTT_PASSWORD hold the credentials.
"""

import json
import os
import sys
import time

import cv2
import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from reid_tracker import build_encoder
from reid_tracker.config import EncoderConfig
from reid_tracker.encode.fingerprint import model_fingerprint

encoder, fingerprint = build_encoder("auto"), model_fingerprint(EncoderConfig("auto"))


def on_connect(client, userdata, flags, reason, properties):
    client.subscribe("frigate/+/person/snapshot", qos=1)
    print("connected:", reason, flush=True)


def on_message(client, userdata, message):
    camera = message.topic.split("/")[1]
    picture = cv2.imdecode(np.frombuffer(message.payload, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        print("not a picture:", message.topic, flush=True)
        return
    (embedding,) = encoder.encode_crops([picture])
    content = {
        "camera": camera,
        "timestamp_s": round(time.time(), 3),
        "fingerprint": fingerprint,
        "embedding": np.round(embedding.astype(float), 5).tolist(),
    }
    client.publish(f"reid/frigate/{camera}/person/embedding", json.dumps(content), 1, retain=True)
    print("encoded a person of", camera, flush=True)


client = mqtt.Client(CallbackAPIVersion.VERSION2)
client.on_connect, client.on_message = on_connect, on_message
if "MQTT_USER" in os.environ:
    client.username_pw_set(os.environ["MQTT_USER"], os.environ.get("MQTT_PASSWORD"))
client.connect(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1883)
client.loop_forever()
