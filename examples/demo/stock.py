"""The stock: knows what is there, not always quickly, and not always at all."""

import time

from flask import Flask

app = Flask(__name__)


@app.get("/items/<int:number>")
def item(number):
    if number == 404404:
        raise RuntimeError("the shelf has fallen over")
    if number == 1000:
        time.sleep(0.3)
    return {"number": number, "left": number % 7 + 1}
