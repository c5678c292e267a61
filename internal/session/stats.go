package session

import (
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// Stats counts what serverStatus.transactions shows.
type Stats struct {
	retriedCommands   atomic.Int64
	retriedStatements atomic.Int64
	records           atomic.Int64 // session records written to the store
	active            atomic.Int64
	open              atomic.Int64
	aborted           atomic.Int64
	committed         atomic.Int64
	started           atomic.Int64

	lastOperations atomic.Int64
	lastBytes      atomic.Int64

	expiryPasses atomic.Int64
	expired      atomic.Int64

	reaperJobs atomic.Int64
	ended      atomic.Int64 // sessions that the reaper has removed last
}

// AppendTransactions appends the fields of serverStatus.transactions.
func (s *Stats) AppendTransactions(b *bsonx.Builder) {
	open, active := s.open.Load(), s.active.Load()
	active = min(active, open)
	b.Int64("retriedCommandsCount", s.retriedCommands.Load()).
		Int64("retriedStatementsCount", s.retriedStatements.Load()).
		Int64("transactionsCollectionWriteCount", s.records.Load()).
		Int64("currentActive", active).
		Int64("currentInactive", open-active).
		Int64("currentOpen", open).
		Int64("totalAborted", s.aborted.Load()).
		Int64("totalCommitted", s.committed.Load()).
		Int64("totalStarted", s.started.Load()).
		Int64("totalPrepared", 0).
		Int64("totalPreparedThenCommitted", 0).
		Int64("totalPreparedThenAborted", 0).
		Int64("currentPrepared", 0).
		StartDoc("lastCommittedTransaction").
		Int64("operationCount", s.lastOperations.Load()).
		Int64("oplogOperationBytes", s.lastBytes.Load()).
		Doc("writeConcern", bsonx.NewBuilder(nil).String("w", "majority").Int32("wtimeout", 0).Build()).
		End()
}

// AppendExpiry appends the fields of serverStatus.metrics.abortExpiredTransactions. Nothing ever
// keeps the thread that does it waiting.
func (s *Stats) AppendExpiry(b *bsonx.Builder) {
	b.Int64("passes", s.expiryPasses.Load()).
		Int64("successfulKills", s.expired.Load()).
		Int64("timedOutKills", 0)
}

// AppendSessionCache appends the fields of serverStatus.logicalSessionRecordCache.
func (m *Manager) AppendSessionCache(b *bsonx.Builder) {
	n := m.count.Load()
	jobs := m.Stats.reaperJobs.Load()
	b.Int32("activeSessionsCount", int32(n)).
		Int32("sessionsCollectionJobCount", int32(jobs)).
		Int32("lastSessionsCollectionJobEntriesEnded", int32(m.Stats.ended.Load())).
		Int32("transactionReaperJobCount", int32(jobs)).
		Int32("lastTransactionReaperJobEntriesCleanedUp", int32(m.Stats.ended.Load())).
		Int32("sessionCatalogSize", int32(n))
}
