#!/usr/bin/env python3
"""Transfers between accounts in transactions, with PyMongo: commits, aborts, retries.

    transfer.py mongodb://127.0.0.1:27017/

Exits non-zero with a line that says what differs.
"""
import sys
import threading

from pymongo import MongoClient
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

ACCOUNTS = 10
OPENING = 100
THREADS = 4
TRANSFERS = 25


def same(actual, expected, what):
    if actual != expected:
        sys.exit("FAIL transfer.py: %s: got %r, want %r" % (what, actual, expected))


def transfer(session, accounts, history, source, target, amount):
    """One transfer; raises ValueError where the money does not suffice."""
    left = accounts.find_one({"_id": source}, session=session)["balance"]
    if left < amount:
        raise ValueError("account %d has only %d" % (source, left))
    accounts.update_one({"_id": source}, {"$inc": {"balance": -amount}}, session=session)
    accounts.update_one({"_id": target}, {"$inc": {"balance": amount}}, session=session)
    history.insert_one({"from": source, "to": target, "amount": amount}, session=session)


def main(uri):
    client = MongoClient(uri, serverSelectionTimeoutMS=5000)
    db = client.seed_pymongo
    client.drop_database(db)
    accounts, history = db.accounts, db.history
    accounts.insert_many([{"_id": i, "balance": OPENING} for i in range(ACCOUNTS)])
    db.create_collection("history")

    def run(source, target, amount):
        with client.start_session() as session:
            session.with_transaction(
                lambda s: transfer(s, accounts, history, source, target, amount),
                read_concern=ReadConcern("snapshot"),
                write_concern=WriteConcern("majority"),
            )

    run(0, 1, 30)
    same(accounts.find_one({"_id": 0})["balance"], OPENING - 30, "balance after a transfer")
    same(history.count_documents({}), 1, "history after a transfer")

    try:
        run(0, 1, 10 * OPENING)
        sys.exit("FAIL transfer.py: a transfer without cover was committed")
    except ValueError:
        pass
    same(history.count_documents({}), 1, "history after an abort")

    def work(n):
        for i in range(TRANSFERS):
            run((n + i) % ACCOUNTS, (n + 3 * i + 1) % ACCOUNTS, 1)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(THREADS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    total = next(accounts.aggregate([{"$group": {"_id": None, "n": {"$sum": "$balance"}}}]))["n"]
    same(total, ACCOUNTS * OPENING, "the total")
    same(history.count_documents({}), 1 + THREADS * TRANSFERS, "history after all transfers")
    print("transfer.py: 1 passed, 0 failed")


main(sys.argv[1])
