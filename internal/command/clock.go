package command

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/storage"
)

// maxClockDrift is how far in the future a client's $clusterTime may be:
// maxAcceptableLogicalClockDriftSecs.
const maxClockDrift = 365 * 24 * time.Hour

// clusterClock is the highest time that this server or its clients have seen.
type clusterClock struct{ gossip atomic.Uint64 }

// observe takes over a time that a client has brought.
func (c *clusterClock) observe(ts uint64) {
	for {
		have := c.gossip.Load()
		if ts <= have || c.gossip.CompareAndSwap(have, ts) {
			return
		}
	}
}

// clusterTime returns the current cluster time.
func (s *Service) clusterTime(ctx context.Context) storage.Timestamp {
	return max(s.lastApplied(ctx), storage.Timestamp(s.clock.gossip.Load()))
}

// gossip takes over the $clusterTime of a request.
func (s *Service) gossip(v bsonx.Value) error {
	if v.IsMissing() {
		return nil
	}
	t := v.Doc().Lookup("clusterTime")
	switch {
	case v.Type != bsonx.TypeDocument:
		return wrongType("$clusterTime", v.Type, Object)
	case t.IsMissing():
		return mongoerr.New(mongoerr.NoSuchKey, "Missing expected field \"clusterTime\"")
	case t.Type != bsonx.TypeTimestamp:
		return wrongType("$clusterTime.clusterTime", t.Type, Timestamp)
	}
	ts := t.Timestamp()
	if limit := s.now().Add(maxClockDrift).Unix(); int64(ts>>32) > limit {
		return mongoerr.New(mongoerr.ClusterTimeFailsRateLimiter,
			"New cluster time, %d, is too far from this node's wall clock time, %d.", ts>>32, s.now().Unix())
	}
	s.clock.observe(ts)
	return nil
}

// appendTimes adds operationTime and $clusterTime to a reply.
func appendTimes(b *bsonx.Builder, operation, cluster storage.Timestamp) {
	var hash [20]byte
	b.StartDoc("$clusterTime").
		Value("clusterTime", bsonx.Timestamp(uint64(cluster))).
		StartDoc("signature").
		Value("hash", bsonx.Binary(0, hash[:])).
		Int64("keyId", 0).
		End().End()
	b.Value("operationTime", bsonx.Timestamp(uint64(operation)))
}
