"""The shop: asks the stock service before it sells anything."""

import os

import requests
from flask import Flask

STOCK = os.environ["STOCK_URL"]
app = Flask(__name__)


@app.get("/orders/<int:number>")
def order(number):
    answer = requests.get(f"{STOCK}/items/{number}", timeout=5)
    if answer.status_code != 200:
        return {"error": "the stock service does not answer"}, 502
    return {"order": number, "item": answer.json()}
