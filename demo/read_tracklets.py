"""Read what camera hosts publish over MQTT, without reid_tracker.

Run it with: python read_tracklets.py HOST [PORT]

Compares each person with all before; MQTT_USER and MQTT_PASSWORD hold the credentials.
"""

import base64
import json
import os
import sys

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

people = {}  # a row of prototypes of each tracklet, the views of one person


def on_connect(client, userdata, flags, reason, properties):
    client.subscribe("reid/v1/+/+/+/tracklet", qos=1)  # reid/v1/SITE/EDGE/CAMERA/tracklet
    print("connected:", reason, flush=True)


def on_message(client, userdata, message):
    tracklet = json.loads(message.payload)
    prototypes = tracklet["prototypes"]
    rows = np.frombuffer(base64.b64decode(prototypes["vectors"]), "<f2").astype(np.float32)
    rows = rows.reshape(-1, prototypes["dim"])
    name = f"{tracklet['edge']}/{tracklet['camera']}/{tracklet['track']}"
    others = {key: float((rows @ them.T).max()) for key, them in people.items() if key != name}
    best = max(others, key=others.get, default=None)
    like = "" if best is None else f", most like {best} ({others[best]:.2f})"
    print(f"{name} {tracklet['state']}: {len(rows)} views{like}", flush=True)
    people[name] = rows


client = mqtt.Client(CallbackAPIVersion.VERSION2)
client.on_connect, client.on_message = on_connect, on_message
if "MQTT_USER" in os.environ:
    client.username_pw_set(os.environ["MQTT_USER"], os.environ.get("MQTT_PASSWORD"))
client.connect(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1883)
client.loop_forever()
