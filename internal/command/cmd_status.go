package command

import (
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"

	"github.com/tandemdb/tandem/internal/bsonx"
)

// section is one sub-document of serverStatus. A client leaves it out by naming it with
// false.
type section struct {
	name string
	fill func(ctx context.Context, c *Call, b *bsonx.Builder)
}

// sections is the table of serverStatus, in the order of the reply.
var sections = []section{
	{"asserts", statusAsserts},
	{"connections", statusConnections},
	{"extra_info", statusExtra},
	{"globalLock", statusGlobalLock},
	{"locks", func(context.Context, *Call, *bsonx.Builder) {}},
	{"logicalSessionRecordCache", func(_ context.Context, c *Call, b *bsonx.Builder) { c.Service.sessions.AppendSessionCache(b) }},
	{"network", statusNetwork},
	{"opLatencies", func(_ context.Context, c *Call, b *bsonx.Builder) { appendLatencies(b, &c.Service.usage) }},
	{"opcounters", statusCounters},
	{"repl", statusRepl},
	{"storageEngine", statusEngine},
	{"transactions", func(_ context.Context, c *Call, b *bsonx.Builder) { c.Service.sessions.Stats.AppendTransactions(b) }},
	{"mem", statusMemory},
	{"metrics", statusMetrics},
}

// cmdServerStatus describes what the server is doing.
func cmdServerStatus(ctx context.Context, c *Call) error {
	s, b := c.Service, c.Reply
	up := c.start.Sub(s.started)
	b.String("host", c.Conn.Advertise).
		String("version", Version).
		String("process", "tandem").
		Int64("pid", int64(os.Getpid())).
		Double("uptime", float64(int64(up.Seconds()))).
		Int64("uptimeMillis", up.Milliseconds()).
		Int64("uptimeEstimate", int64(up.Seconds())).
		Value("localTime", bsonx.Time(c.start))
	for _, sec := range sections {
		if v := c.Body.Lookup(sec.name); !v.IsMissing() && !v.Truthy() {
			continue
		}
		b.StartDoc(sec.name)
		sec.fill(ctx, c, b)
		b.End()
	}
	return nil
}

func statusAsserts(_ context.Context, c *Call, b *bsonx.Builder) {
	b.Int32("regular", 0).Int32("warning", 0).Int32("msg", int32(c.Service.asserts.internal.Load())).
		Int32("user", int32(c.Service.asserts.user.Load())).Int32("rollovers", 0)
}

func (s *Service) netStats() NetStats {
	if s.cfg.Stats == nil {
		return NetStats{}
	}
	return s.cfg.Stats()
}

func statusConnections(_ context.Context, c *Call, b *bsonx.Builder) {
	st := c.Service.netStats()
	b.Int32("current", int32(st.Current)).Int32("available", int32(st.Available)).
		Int32("totalCreated", int32(st.Total)).Int32("active", int32(st.Active))
}

func statusExtra(_ context.Context, _ *Call, b *bsonx.Builder) {
	b.String("note", "fields vary by platform").Int32("goroutines", int32(runtime.NumGoroutine()))
}

func statusGlobalLock(_ context.Context, c *Call, b *bsonx.Builder) {
	active := c.Service.netStats().Active
	b.Int64("totalTime", c.start.Sub(c.Service.started).Microseconds()).
		StartDoc("currentQueue").Int32("total", 0).Int32("readers", 0).Int32("writers", 0).End().
		StartDoc("activeClients").Int32("total", int32(active)).Int32("readers", 0).Int32("writers", 0).End()
}

func statusNetwork(_ context.Context, c *Call, b *bsonx.Builder) {
	st := c.Service.netStats()
	b.Int64("bytesIn", st.BytesIn).Int64("bytesOut", st.BytesOut).Int64("numRequests", st.Requests)
}

func statusCounters(_ context.Context, c *Call, b *bsonx.Builder) {
	for _, n := range [...]struct {
		name    string
		counter Counter
	}{
		{"insert", CountInsert},
		{"query", CountQuery},
		{"update", CountUpdate},
		{"delete", CountDelete},
		{"getmore", CountGetMore},
		{"command", CountCommand},
	} {
		b.Int64(n.name, c.Service.counts[n.counter].Load())
	}
}

func statusRepl(_ context.Context, c *Call, b *bsonx.Builder) {
	b.Strings("hosts", []string{c.Conn.Advertise}).
		String("setName", c.Service.cfg.SetName).
		Int32("setVersion", 1).
		Bool("isWritablePrimary", true).
		Bool("secondary", false).
		String("primary", c.Conn.Advertise).
		String("me", c.Conn.Advertise).
		Value("electionId", bsonx.ObjectID(c.Service.topology.electionID)).
		Int32("rbid", 1)
}

func statusEngine(_ context.Context, _ *Call, b *bsonx.Builder) {
	b.String("name", "pebble").
		Bool("supportsCommittedReads", true).
		Bool("supportsPendingDrops", true).
		Bool("supportsSnapshotReadConcern", true).
		Bool("readOnly", false).
		Bool("persistent", true).
		Bool("backupCursorOpen", false)
}

func statusMemory(_ context.Context, _ *Call, b *bsonx.Builder) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Int32("bits", 64).
		Int32("resident", int32((m.Sys-m.HeapReleased)>>20)).
		Int32("virtual", int32(m.Sys>>20)).
		Bool("supported", true)
}

func statusMetrics(_ context.Context, c *Call, b *bsonx.Builder) {
	b.StartDoc("abortExpiredTransactions")
	c.Service.sessions.Stats.AppendExpiry(b)
	b.End().StartDoc("cursor")
	c.Cursors().AppendMetrics(b)
	b.End().StartDoc("ttl").
		Int64("deletedDocuments", c.Service.ttlDeleted.Load()).
		Int64("passes", c.Service.ttlPasses.Load()).
		End()
	appendRuntime(b)
}

// appendRuntime adds what the process has asked of Go's allocator. Unlike the rest of its
// statistics, these can be read without stopping the program.
func appendRuntime(b *bsonx.Builder) {
	samples := [...]metrics.Sample{
		{Name: "/gc/heap/allocs:objects"},
		{Name: "/gc/heap/allocs:bytes"},
		{Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(samples[:])
	b.StartDoc("go")
	for i, name := range [...]string{"mallocs", "allocatedBytes", "gcCycles"} {
		b.Int64(name, int64(samples[i].Value.Uint64()))
	}
	b.End()
}

// cmdHostInfo describes the machine.
func cmdHostInfo(_ context.Context, c *Call) error {
	name, _ := os.Hostname()
	mem := totalMemory() >> 20
	c.Reply.StartDoc("system").
		Value("currentTime", bsonx.Time(c.start)).
		String("hostname", name).
		Int32("cpuAddrSize", strconv.IntSize).
		Int64("memSizeMB", mem).
		Int64("memLimitMB", mem).
		Int32("numCores", int32(runtime.NumCPU())).
		String("cpuArch", runtime.GOARCH).
		Bool("numaEnabled", false).
		End().
		StartDoc("os").String("type", osType()).String("name", runtime.GOOS).String("version", "").End().
		StartDoc("extra").String("goVersion", runtime.Version()).End()
	return nil
}

func osType() string {
	switch runtime.GOOS {
	case "linux":
		return "Linux"
	case "darwin":
		return "Darwin"
	case "windows":
		return "Windows"
	}
	return runtime.GOOS
}

// cmdDiagnosticData returns what monitoring agents sample.
func cmdDiagnosticData(ctx context.Context, c *Call) error {
	c.Reply.StartDoc("data").Value("start", bsonx.Time(c.start)).StartDoc("serverStatus")
	if err := cmdServerStatus(ctx, c); err != nil {
		return err
	}
	c.Reply.End().Value("end", bsonx.Time(c.Service.now())).End()
	return nil
}
