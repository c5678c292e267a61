package main

import (
	"context"
	"errors"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// pgRead reads rows of one column as bytes and checks how many there are; -1 is any number.
func pgRead(ctx context.Context, c *pgx.Conn, want int, query string, args ...any) error {
	rows, err := c.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		_ = rows.RawValues()[0]
		n++
	}
	if rows.Err() == nil && want >= 0 && n != want {
		return errors.New("postgres: unexpected number of rows")
	}
	return rows.Err()
}

func pgExec(ctx context.Context, c *pgx.Conn, query string, args ...any) error {
	_, err := c.Exec(ctx, query, args...)
	return err
}

func pgFindByID(ctx context.Context, c *pgx.Conn, w *worker) error {
	return pgRead(ctx, c, 1, "select doc from docs where id = $1", w.any())
}

func pgFindIndexed(ctx context.Context, c *pgx.Conn, w *worker) error {
	return pgRead(ctx, c, 1, "select doc from docs where (doc->>'scat')::int = $1 limit 1", w.any())
}

func pgRangeInOrder(ctx context.Context, c *pgx.Conn, w *worker) error {
	start := w.rangeStart()
	return pgRead(ctx, c, rangeSize, "select doc from docs where (doc->>'seq')::int >= $1 and (doc->>'seq')::int < $2", start, start+rangeSize)
}

func pgRangeScattered(ctx context.Context, c *pgx.Conn, w *worker) error {
	start := w.rangeStart()
	return pgRead(ctx, c, rangeSize, "select doc from docs where (doc->>'scat')::int >= $1 and (doc->>'scat')::int < $2", start, start+rangeSize)
}

func pgCount(ctx context.Context, c *pgx.Conn, w *worker) error {
	return pgRead(ctx, c, 1, "select count(*) from docs where (doc->>'amount')::int >= $1 and doc->>'group' = $2",
		amounts/2, groupName(int(w.any())%groups))
}

func pgGroup(ctx context.Context, c *pgx.Conn, _ *worker) error {
	return pgRead(ctx, c, -1, "select doc->>'group', sum((doc->>'amount')::int) from docs where (doc->>'amount')::int >= $1 group by 1", amounts/2)
}

func pgLookup(ctx context.Context, c *pgx.Conn, w *worker) error {
	start := w.rangeStart()
	return pgRead(ctx, c, rangeSize, `select d.doc, (select jsonb_agg(g.doc) from groups g where g.id = d.doc->>'group')
		from docs d where d.id >= $1 and d.id < $2`, start, start+rangeSize)
}

const pgInc = "update docs set doc = jsonb_set(doc, '{n}', to_jsonb((doc->>'n')::int + 1)) where id = $1"

func pgUpdateOne(ctx context.Context, c *pgx.Conn, w *worker) error {
	return pgExec(ctx, c, pgInc, w.any())
}

func pgFindOneAndUpdate(ctx context.Context, c *pgx.Conn, w *worker) error {
	return pgRead(ctx, c, 1, pgInc+" returning doc", w.any())
}

func pgYCSBA(ctx context.Context, c *pgx.Conn, w *worker) error { return pgYCSB(ctx, c, w, 50) }
func pgYCSBB(ctx context.Context, c *pgx.Conn, w *worker) error { return pgYCSB(ctx, c, w, 95) }

func pgYCSB(ctx context.Context, c *pgx.Conn, w *worker, reads int) error {
	id := w.popular()
	if w.rng.IntN(100) < reads {
		return pgRead(ctx, c, 1, "select doc from docs where id = $1", id)
	}
	return pgExec(ctx, c, "update docs set doc = jsonb_set(doc, '{pad}', to_jsonb($2::text)) where id = $1", id, padding(w.rng.Int32N(math.MaxInt16)))
}

func pgInsertOne(ctx context.Context, c *pgx.Conn, w *worker) error {
	it := makeItem(int(w.fresh()), w.n)
	return pgExec(ctx, c, "insert into inserts values ($1, $2)", it.id, it.json())
}

func pgInsertMany(ctx context.Context, c *pgx.Conn, w *worker) error {
	ids, docs := make([]int32, batchSize), make([]string, batchSize)
	for i := range ids {
		it := makeItem(int(w.fresh()), w.n)
		ids[i], docs[i] = it.id, it.json()
	}
	return pgExec(ctx, c, "insert into batches select * from unnest($1::int[], $2::jsonb[])", ids, docs)
}

func pgTransfer(ctx context.Context, c *pgx.Conn, w *worker) error {
	from, to := pair(w.rng, accounts)
	return pgTransferBetween(ctx, c, "accounts", from, to, w)
}

func pgTransferHot(ctx context.Context, c *pgx.Conn, w *worker) error {
	from, to := pair(w.rng, hotAccounts)
	return pgTransferBetween(ctx, c, "hot", from, to, w)
}

// pgTransferBetween has the isolation that transactions have in Tandem, and goes again at once
// after a conflict, too.
func pgTransferBetween(ctx context.Context, c *pgx.Conn, table string, from, to int32, w *worker) error {
	const serializationFailure, deadlock = "40001", "40P01"
	for {
		err := pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(pgx.Tx) error {
			return pgTransferSteps(ctx, c, table, from, to, w)
		})
		var failure *pgconn.PgError
		if !errors.As(err, &failure) || failure.Code != serializationFailure && failure.Code != deadlock {
			return err
		}
		w.aborts++
	}
}

func pgTransferSteps(ctx context.Context, c *pgx.Conn, table string, from, to int32, w *worker) error {
	for _, id := range [...]int32{from, to} {
		if err := pgRead(ctx, c, 1, "select doc from "+table+" where id = $1", id); err != nil {
			return err
		}
	}
	add := "update " + table + " set doc = jsonb_set(doc, '{balance}', to_jsonb((doc->>'balance')::int + $2)) where id = $1"
	if err := pgExec(ctx, c, add, from, -1); err != nil {
		return err
	}
	if err := pgExec(ctx, c, add, to, 1); err != nil {
		return err
	}
	return pgExec(ctx, c, "insert into ledger values ($1, jsonb_build_object('from', $2::int, 'to', $3::int))", w.fresh(), from, to)
}
