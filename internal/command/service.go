package command

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/catalog"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/storage"
	"github.com/tandemdb/tandem/internal/txn"
)

// Version is the version of MongoDB that the server presents itself as. The wire version in
// hello goes with it.
const (
	Version     = "8.0.4"
	wireVersion = 25
	fcvLatest   = "8.0"
)

// Config is what a Service needs. Zero fields have defaults, Store and Sessions apart.
type Config struct {
	Store    *txn.Store
	Sessions *session.Manager
	Logger   *slog.Logger
	Now      func() time.Time

	// Build is the version of the program itself.
	Build string

	// SetName is the name of the replica set, "rs0" by default.
	SetName string

	// AuthRequired refuses commands of clients that have not authenticated.
	AuthRequired bool

	// NoTestCommands takes away configureFailPoint and the like.
	NoTestCommands bool

	// DataDir, Argv and Options are what getCmdLineOpts and serverStatus show.
	DataDir string
	Argv    []string

	// Stats returns the network counters; nil without a server.
	Stats func() NetStats

	// Shutdown asks the process to end; nil refuses the shutdown command.
	Shutdown func()

	// LogLines returns the newest lines of the log, for getLog, and ClearLog forgets them; nil for
	// none.
	LogLines func() []string
	ClearLog func()
}

// Service runs commands. It implements Handler and Streamer.
type Service struct {
	cfg      Config
	store    *txn.Store
	sessions *session.Manager
	logger   *slog.Logger
	now      func() time.Time
	table    table

	conns    conns
	nextOp   atomic.Int64
	clock    clusterClock
	fail     failPoints
	params   params
	topology topology
	users    users
	counts   [counters]atomic.Int64
	usage    catalog.Usage
	asserts  asserts
	profile  profiler
	started  time.Time

	ttlDeleted, ttlPasses atomic.Int64

	closing  atomic.Bool
	stop     chan struct{}
	stopWork context.CancelFunc
	wg       sync.WaitGroup
}

// New makes a service. Start begins its background work.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, store: cfg.Store, sessions: cfg.Sessions, logger: cfg.Logger, now: cfg.Now, stop: make(chan struct{})}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.cfg.SetName == "" {
		s.cfg.SetName = "rs0"
	}
	s.table = newTable(specs())
	if s.store != nil && !s.cfg.NoTestCommands {
		s.store.CreationFault = s.creationFault
	}
	s.conns.m = make(map[*Conn]struct{})
	s.started = s.now()
	s.params.init()
	_, _ = rand.Read(s.topology.process[:]) // never fails
	s.topology.electionID = electionID
	s.profile.slowMS.Store(defaultSlowMS)
	return s
}

// electionID is the same at every start: clients must never see it go backwards.
var electionID = [12]byte{0x7f, 0xff, 0xff, 0xff, 11: 1}

// Closed forgets a connection.
func (s *Service) Closed(c *Conn) { s.conns.remove(c) }

// Now returns the newest committed timestamp.
func (s *Service) lastApplied(ctx context.Context) storage.Timestamp {
	ts, err := s.store.Engine.Now(ctx)
	if err != nil {
		return 0
	}
	return ts
}

// keepNow names the newest state, and asks the engine to keep it, for a reply that is going to
// name it.
func (s *Service) keepNow(ctx context.Context) (storage.Timestamp, error) {
	if h, ok := s.store.Engine.(storage.HistoryKeeper); ok {
		return h.KeepNow(ctx)
	}
	return s.store.Engine.Now(ctx)
}
