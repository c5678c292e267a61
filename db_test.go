package tandem_test

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open opens a database that is closed when the test ends.
func open(t *testing.T, path string, opts *tandem.Options) *tandem.DB {
	t.Helper()
	db, err := tandem.Open(path, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// embedded returns a client inside the process.
func embedded(t *testing.T, db *tandem.DB) *mongo.Client {
	t.Helper()
	client, err := db.Client(t.Context())
	require.NoError(t, err)
	return disconnected(t, client)
}

// serve makes a database listen on a free port.
func serve(t *testing.T, db *tandem.DB) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = db.Serve(l) }()
	return l.Addr().String()
}

func connect(t *testing.T, uri string, opts ...*options.ClientOptions) *mongo.Client {
	t.Helper()
	// A driver that watches the server by a stream may take 10 s to disconnect if it
	// has just connected.
	base := options.Client().SetServerMonitoringMode(options.ServerMonitoringModePoll).SetServerSelectionTimeout(5 * time.Second)
	opts = append([]*options.ClientOptions{base.ApplyURI(uri)}, opts...)
	client, err := mongo.Connect(opts...)
	require.NoError(t, err)
	return disconnected(t, client)
}

func disconnected(t *testing.T, client *mongo.Client) *mongo.Client {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = client.Disconnect(ctx)
	})
	return client
}

func TestOpenRefusesBadOptions(t *testing.T) {
	for name, opts := range map[string]*tandem.Options{
		"CacheBytes is negative":     {CacheBytes: -1},
		"TxnMemoryBytes is negative": {TxnMemoryBytes: -1},
		"MemTableBytes is 1, less":   {MemTableBytes: 1},
		"RootUser and RootPassword":  {RootUser: "ann"},
		"FS does not go with":        {FS: vfs.NewMem(), InMemory: true},
	} {
		_, err := tandem.Open(":memory:", opts)
		require.ErrorContains(t, err, name)
	}
	_, err := tandem.Open("", nil)
	require.ErrorContains(t, err, "no path")
	_, err = tandem.Open(":memory:", &tandem.Options{Auth: true})
	require.ErrorIs(t, err, tandem.ErrNoUsers)
}

func TestDirectoryHasOneOwner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	db := open(t, dir, nil)
	_, err := tandem.Open(dir, nil)
	require.ErrorIs(t, err, tandem.ErrLocked)
	require.NoError(t, db.Close())
	open(t, dir, nil)
}

func TestDataSurvivesClose(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, "data", &tandem.Options{FS: fs})
	_, err := embedded(t, db).Database("x").Collection("c").InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}})
	require.NoError(t, err)
	require.NoError(t, db.Close())

	db = open(t, "data", &tandem.Options{FS: fs})
	require.NoError(t, embedded(t, db).Database("x").Collection("c").FindOne(t.Context(), bson.D{{Key: "_id", Value: 1}}).Err())
}

func TestClosedDatabase(t *testing.T) {
	db, err := tandem.Open(":memory:", nil)
	require.NoError(t, err)
	client := embedded(t, db)
	require.NoError(t, client.Ping(t.Context(), nil))
	snap, err := db.Snapshot(t.Context())
	require.NoError(t, err)
	served := make(chan error, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { served <- db.Serve(l) }()
	connectAndPing(t, l.Addr().String())

	var closers sync.WaitGroup
	for range 3 {
		closers.Go(func() {
			if err := db.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	closers.Wait()
	require.NoError(t, <-served)
	_, err = db.Client(t.Context())
	require.ErrorIs(t, err, tandem.ErrClosed)
	_, err = db.Snapshot(t.Context())
	require.ErrorIs(t, err, tandem.ErrClosed)
	require.ErrorIs(t, db.Restore(t.Context(), snap), tandem.ErrClosed)
	l, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.ErrorIs(t, db.Serve(l), tandem.ErrClosed)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	require.Error(t, client.Ping(ctx, nil))
}

func connectAndPing(t *testing.T, addr string) {
	t.Helper()
	require.NoError(t, connect(t, "mongodb://"+addr).Ping(t.Context(), nil))
}

func TestSnapshotsAreOfMemory(t *testing.T) {
	db := open(t, t.TempDir(), nil)
	_, err := db.Snapshot(t.Context())
	require.ErrorContains(t, err, "only a database in memory")
	require.ErrorContains(t, db.Restore(t.Context(), nil), "only a database in memory")
}

// Every way in which programs name a server leads to it, and to its transactions.
func TestWaysToConnect(t *testing.T) {
	db := open(t, ":memory:", nil)
	addr := serve(t, db)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	for _, uri := range []string{
		"mongodb://" + addr,
		"mongodb://localhost:" + port,
		"mongodb://" + addr + "/?replicaSet=rs0",
		"mongodb://localhost:" + port + "/?replicaSet=rs0",
		"mongodb://" + addr + "/?directConnection=true",
		"mongodb://" + addr + "/?compressors=snappy",
		"mongodb://" + addr + "/?compressors=zlib",
		"mongodb://" + addr + "/?compressors=zstd",
		"mongodb://" + addr + "/?serverMonitoringMode=stream",
	} {
		t.Run(uri, func(t *testing.T) {
			client := connect(t, uri)
			transact(t, client)
			time.Sleep(5 * time.Millisecond) // see connect
		})
	}
	t.Run("embedded", func(t *testing.T) { transact(t, embedded(t, db)) })
	t.Run("second port", func(t *testing.T) { transact(t, connect(t, "mongodb://"+serve(t, db))) })
}

// transact commits one transaction and aborts one.
func transact(t *testing.T, client *mongo.Client) {
	t.Helper()
	c := client.Database("x").Collection("c")
	_, err := c.DeleteMany(t.Context(), bson.D{})
	require.NoError(t, err)
	sess, err := client.StartSession()
	require.NoError(t, err)
	defer sess.EndSession(context.Background())
	_, err = sess.WithTransaction(t.Context(), func(ctx context.Context) (any, error) {
		return c.InsertMany(ctx, []bson.D{{{Key: "_id", Value: 1}}, {{Key: "_id", Value: 2}}})
	})
	require.NoError(t, err)
	require.NoError(t, sess.StartTransaction())
	ctx := mongo.NewSessionContext(t.Context(), sess)
	_, err = c.InsertOne(ctx, bson.D{{Key: "_id", Value: 3}})
	require.NoError(t, err)
	require.NoError(t, sess.AbortTransaction(t.Context()))
	n, err := c.EstimatedDocumentCount(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
}

// A client that is told another address goes there, as through a forwarded port.
func TestAdvertise(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	db := open(t, ":memory:", &tandem.Options{Advertise: l.Addr().String()})
	go forward(l, serve(t, db))
	t.Cleanup(func() { _ = l.Close() })
	transact(t, connect(t, "mongodb://"+l.Addr().String()+"/?replicaSet=rs0"))
}

// forward passes connections of l on to addr.
func forward(l net.Listener, addr string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", addr)
		if err != nil {
			_ = in.Close()
			return
		}
		pipe := func(to, from net.Conn) {
			_, _ = to.(*net.TCPConn).ReadFrom(from)
			_ = to.Close()
			_ = from.Close()
		}
		go pipe(in, out)
		go pipe(out, in)
	}
}

// Embedded clients need no user where network clients do.
func TestAuth(t *testing.T) {
	db := open(t, ":memory:", &tandem.Options{Auth: true, RootUser: "ann", RootPassword: "s3cret"})
	transact(t, embedded(t, db))
	addr := serve(t, db)
	_, err := connect(t, "mongodb://"+addr).ListDatabaseNames(t.Context(), bson.D{})
	var cmdErr mongo.CommandError
	require.ErrorAs(t, err, &cmdErr)
	require.Equal(t, int32(13), cmdErr.Code)
	transact(t, connect(t, "mongodb://ann:s3cret@"+addr))
	transact(t, connect(t, "mongodb://ann:s3cret@"+addr+"/?authMechanism=SCRAM-SHA-1"))
	_, err = connect(t, "mongodb://ann:other@"+addr).ListDatabaseNames(t.Context(), bson.D{})
	require.ErrorContains(t, err, "Authentication failed")

	// The user that createUser has made can log in, from its database.
	require.NoError(t, embedded(t, db).Database("x").RunCommand(t.Context(), bson.D{
		{Key: "createUser", Value: "bob"}, {Key: "pwd", Value: "b0b"}, {Key: "roles", Value: bson.A{"readWrite"}},
	}).Err())
	transact(t, connect(t, "mongodb://bob:b0b@"+addr+"/x"))
	require.NoError(t, embedded(t, db).Database("x").RunCommand(t.Context(), bson.D{{Key: "dropUser", Value: "bob"}}).Err())
	require.ErrorContains(t, connect(t, "mongodb://bob:b0b@"+addr+"/x").Ping(t.Context(), nil), "Authentication failed")
}

// Close does not wait for transactions whose clients do nothing, and neither for those
// who wait for them.
func TestCloseWithOpenTransactions(t *testing.T) {
	db, err := tandem.Open(":memory:", nil)
	require.NoError(t, err)
	client := connect(t, "mongodb://"+serve(t, db))
	c := client.Database("x").Collection("c")
	_, err = c.InsertOne(t.Context(), bson.D{{Key: "_id", Value: 1}, {Key: "n", Value: 0}})
	require.NoError(t, err)
	sess, err := client.StartSession()
	require.NoError(t, err)
	require.NoError(t, sess.StartTransaction())
	inc := bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: 1}}}}
	_, err = c.UpdateByID(mongo.NewSessionContext(t.Context(), sess), 1, inc)
	require.NoError(t, err)
	waiting := make(chan error, 1)
	go func() {
		_, err := c.UpdateByID(context.Background(), 1, inc)
		waiting <- err
	}()
	time.Sleep(50 * time.Millisecond)
	select {
	case err := <-waiting:
		t.Fatalf("the update did not wait for the transaction: %v", err)
	default:
	}
	began := time.Now()
	require.NoError(t, db.Close())
	require.Less(t, time.Since(began), 3*time.Second)
	select {
	case <-waiting: // done or interrupted, but not left alone
	case <-time.After(10 * time.Second):
		t.Fatal("the waiting client was left alone")
	}
}
