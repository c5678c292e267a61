package main

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// workload is one kind of operation, and how each target does it. Targets that cannot have no
// function.
type workload struct {
	name     string
	clients  []int // all of clientCounts if nil
	writes   bool  // leaves the store in another state
	uncanned bool  // the canned server has no conflicts, so that there is nothing to compare
	mongo    func(db *mongoDB, ctx context.Context, w *worker) error
	postgres func(ctx context.Context, c *pgx.Conn, w *worker) error
	engine   func(db *engineDB, ctx context.Context, w *worker) error
}

// clientCounts are the numbers of clients of most workloads, and those with which the engine is
// measured.
var (
	clientCounts  = []int{1, 16, 64}
	scanCounts    = []int{1, 16}
	contendCounts = []int{1, 4, 16, 64}
)

// postgresClients is the number of clients with which PostgreSQL is measured.
const postgresClients = 16

// workloads is everything that is measured, in this order.
var workloads = []workload{
	{name: "ping", mongo: (*mongoDB).ping},
	{name: "findOne by _id", mongo: (*mongoDB).findByID, postgres: pgFindByID, engine: (*engineDB).findByID},
	{name: "findOne by indexed field", mongo: (*mongoDB).findIndexed, postgres: pgFindIndexed, engine: (*engineDB).findIndexed},
	{name: "range of 100, index order", mongo: (*mongoDB).rangeInOrder, postgres: pgRangeInOrder, engine: (*engineDB).rangeInOrder},
	{name: "range of 100, scattered", mongo: (*mongoDB).rangeScattered, postgres: pgRangeScattered, engine: (*engineDB).rangeScattered},
	{name: "count", clients: scanCounts, mongo: (*mongoDB).count, postgres: pgCount},
	{name: "match+group", clients: scanCounts, mongo: (*mongoDB).group, postgres: pgGroup},
	{name: "lookup", mongo: (*mongoDB).lookup, postgres: pgLookup},
	{name: "updateOne", writes: true, mongo: (*mongoDB).updateOne, postgres: pgUpdateOne, engine: (*engineDB).update},
	{name: "findOneAndUpdate", writes: true, mongo: (*mongoDB).findOneAndUpdate, postgres: pgFindOneAndUpdate},
	{name: "YCSB A", writes: true, mongo: (*mongoDB).ycsbA, postgres: pgYCSBA},
	{name: "YCSB B", writes: true, mongo: (*mongoDB).ycsbB, postgres: pgYCSBB},
	{name: "transfer", writes: true, clients: contendCounts, mongo: (*mongoDB).transfer, postgres: pgTransfer, engine: (*engineDB).transfer},
	{name: "transfer, hot", writes: true, clients: contendCounts[1:], uncanned: true, mongo: (*mongoDB).transferHot, postgres: pgTransferHot},
	{name: "insertOne", writes: true, mongo: (*mongoDB).insertOne, postgres: pgInsertOne, engine: (*engineDB).insert},
	{name: "insertMany 1000", writes: true, clients: scanCounts, mongo: (*mongoDB).insertMany, postgres: pgInsertMany},
}
