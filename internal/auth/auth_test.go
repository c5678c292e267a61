package auth_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/auth"
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// users is a Store in memory; a user called "broken" cannot be looked up.
type users []*auth.User

func (us users) Lookup(_ context.Context, db, name string) (*auth.User, error) {
	if name == "broken" {
		return nil, errors.New("disk on fire")
	}
	for _, u := range us {
		if u.DB == db && u.Name == name {
			return u, nil
		}
	}
	return nil, nil
}

func newUser(t *testing.T, name, password string, mechanisms ...string) *auth.User {
	t.Helper()
	sha1, sha256, err := auth.NewCredentials(name, password, mechanisms)
	require.NoError(t, err)
	return &auth.User{DB: "admin", Name: name, ID: [16]byte{1, 2, 3}, SHA1: sha1, SHA256: sha256}
}

// client is the other side of a conversation, as drivers have it.
func client(t *testing.T, mechanism, name, password string) *scram.ClientConversation {
	t.Helper()
	var c *scram.Client
	var err error
	switch mechanism {
	case auth.SHA1:
		// The digest drivers send for the password: md5("ann:mongo:secret").
		digests := map[string]string{"secret": "39a09bceee1e7b000a9db14ee09879e5"}
		digest, ok := digests[password]
		if !ok {
			digest = "00000000000000000000000000000000"
		}
		c, err = scram.SHA1.NewClientUnprepped(name, digest, "")
	default:
		c, err = scram.SHA256.NewClient(name, password, "")
	}
	require.NoError(t, err)
	return c.NewConversation()
}

func TestConversation(t *testing.T) {
	store := users{newUser(t, "ann", "secret"), newUser(t, "bob", "secret", auth.SHA256), newUser(t, "eq=,", "p\u00e4ss")}
	for _, tc := range []struct {
		name, mechanism, user, password string
		ok                              bool
	}{
		{"SHA-1", auth.SHA1, "ann", "secret", true},
		{"SHA-1, wrong password", auth.SHA1, "ann", "other", false},
		{"SHA-256", auth.SHA256, "ann", "secret", true},
		{"SHA-256, wrong password", auth.SHA256, "ann", "Secret", false},
		{"no such user", auth.SHA256, "eve", "secret", false},
		{"no credentials for the mechanism", auth.SHA1, "bob", "secret", false},
		{"escaped name, prepared password", auth.SHA256, "eq=,", "pa\u0308ss", true},
	} {
		for _, skip := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				cl := client(t, tc.mechanism, tc.user, tc.password)
				first, err := cl.Step("")
				require.NoError(t, err)
				c, reply, err := auth.Start(t.Context(), store, "admin", tc.mechanism, []byte(first), auth.StartOptions{SkipEmptyExchange: skip})
				if err == nil {
					require.False(t, c.Done())
					_, ok := c.User()
					require.False(t, ok)
					var second string
					second, err = cl.Step(string(reply))
					require.NoError(t, err)
					reply, err = c.Continue([]byte(second))
				}
				if !tc.ok {
					requireFailed(t, err)
					return
				}
				require.NoError(t, err)
				_, err = cl.Step(string(reply))
				require.NoError(t, err)
				require.True(t, cl.Valid())
				require.Equal(t, skip, c.Done())
				if !skip {
					_, ok := c.User()
					require.False(t, ok)
					reply, err = c.Continue(nil)
					require.NoError(t, err)
					require.Empty(t, reply)
				}
				require.True(t, c.Done())
				u, ok := c.User()
				require.True(t, ok)
				require.Equal(t, auth.UserName{DB: "admin", Name: tc.user}, u)
				_, err = c.Continue(nil)
				requireFailed(t, err)
			})
		}
	}
}

func requireFailed(t *testing.T, err error) {
	t.Helper()
	require.True(t, mongoerr.Is(err, mongoerr.AuthenticationFailed), "%v", err)
	require.Equal(t, "Authentication failed.", mongoerr.From(err).Message)
}

func TestConversationErrors(t *testing.T) {
	store := users{newUser(t, "ann", "secret")}
	start := func(mechanism, payload string) error {
		_, _, err := auth.Start(t.Context(), store, "admin", mechanism, []byte(payload), auth.StartOptions{})
		return err
	}
	requireFailed(t, start(auth.SHA256, ""))
	requireFailed(t, start(auth.SHA256, "n,,n=ann"))
	requireFailed(t, start(auth.SHA256, "p=tls-unique,,n=ann,r=abc"))
	requireFailed(t, start(auth.SHA256, "\x00\xff"))
	require.ErrorContains(t, start(auth.SHA256, "n,,n=broken,r=abc"), "disk on fire")
	err := start("PLAIN", "x")
	require.True(t, mongoerr.Is(err, mongoerr.MechanismUnavailable))
	require.Equal(t, "Received authentication for mechanism PLAIN which is not enabled", mongoerr.From(err).Message)

	c, _, err := auth.Start(t.Context(), store, "admin", auth.SHA256, []byte("n,,n=ann,r=abc"), auth.StartOptions{})
	require.NoError(t, err)
	_, err = c.Continue([]byte("c=biws,r=abc,p=AAAA"))
	requireFailed(t, err)
	require.True(t, c.Done())
	_, ok := c.User()
	require.False(t, ok)
}

// Clients that send something where the empty exchange is due have not logged in.
func TestEmptyExchangeMustBeEmpty(t *testing.T) {
	cl := client(t, auth.SHA256, "ann", "secret")
	first, err := cl.Step("")
	require.NoError(t, err)
	c, reply, err := auth.Start(t.Context(), users{newUser(t, "ann", "secret")}, "admin", auth.SHA256, []byte(first), auth.StartOptions{})
	require.NoError(t, err)
	second, err := cl.Step(string(reply))
	require.NoError(t, err)
	_, err = c.Continue([]byte(second))
	require.NoError(t, err)
	_, err = c.Continue([]byte("x"))
	requireFailed(t, err)
	_, ok := c.User()
	require.False(t, ok)
}

func TestNewCredentialsErrors(t *testing.T) {
	_, _, err := auth.NewCredentials("ann", "", nil)
	require.Equal(t, "Password cannot be empty", mongoerr.From(err).Message)
	_, _, err = auth.NewCredentials("ann", "x", []string{"PLAIN"})
	require.Equal(t, "Unknown auth mechanism 'PLAIN'", mongoerr.From(err).Message)
	_, _, err = auth.NewCredentials("ann", "\u0007", []string{auth.SHA256})
	require.True(t, mongoerr.Is(err, mongoerr.BadValue))
}

func TestUserDocument(t *testing.T) {
	u := newUser(t, "ann", "secret")
	u.Roles = bsonx.MakeArray(bsonx.Document(bsonx.NewBuilder(nil).String("role", "root").String("db", "admin").Build())).Doc()
	u.CustomData = bsonx.NewBuilder(nil).Int32("x", 1).Build()
	d := bsonx.Doc(u.Append(nil))
	require.Equal(t, "admin.ann", d.Lookup("_id").Str())
	require.Equal(t, int32(10_000), d.LookupPath("credentials", "SCRAM-SHA-1", "iterationCount").Int32())
	require.Equal(t, int32(15_000), d.LookupPath("credentials", "SCRAM-SHA-256", "iterationCount").Int32())
	got, err := auth.Decode(d)
	require.NoError(t, err)
	require.Equal(t, u, got)
	require.Equal(t, []string{"SCRAM-SHA-1", "SCRAM-SHA-256"}, got.Mechanisms())

	bob := newUser(t, "bob", "secret", auth.SHA256)
	got, err = auth.Decode(bob.Append(nil))
	require.NoError(t, err)
	bob.Roles = bsonx.Empty
	require.Equal(t, bob, got)
	require.Equal(t, []string{"SCRAM-SHA-256"}, got.Mechanisms())

	_, err = auth.Decode(bsonx.Empty)
	require.True(t, mongoerr.Is(err, mongoerr.UnsupportedFormat))
	damaged := bsonx.NewBuilder(nil).String("user", "a").String("db", "b").
		StartDoc("credentials").StartDoc("SCRAM-SHA-1").Int32("iterationCount", 1).String("salt", "?").End().End().Build()
	_, err = auth.Decode(damaged)
	require.True(t, mongoerr.Is(err, mongoerr.UnsupportedFormat))
}
