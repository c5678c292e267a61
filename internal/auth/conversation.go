package auth

import (
	"context"
	"errors"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/tandemdb/tandem/internal/mongoerr"
)

// conversationID is the id that every conversation has: a connection has one at a
// time.
const conversationID = 1

// Conversation is the server's side of one authentication. It belongs to one
// connection and is not safe for concurrent use.
type Conversation struct {
	db        string
	mechanism string
	scram     *scram.ServerConversation
	skipEmpty bool
	proven    bool // the client has proven that it knows the password
	done      bool
	lookupErr error
}

// StartOptions are the options of saslStart.
type StartOptions struct {
	// SkipEmptyExchange ends the conversation with the server's last message; without
	// it the client sends one more, empty message.
	SkipEmptyExchange bool
}

// Start begins a conversation with the client's first message and returns the
// server's answer to it. Users are those of db.
//
// Whatever is wrong with the user or the message is AuthenticationFailed with the
// same text, so that nobody learns which users exist.
func Start(ctx context.Context, users Store, db, mechanism string, payload []byte, opts StartOptions) (
	c *Conversation, reply []byte, err error,
) {
	hash, ok := hashOf(mechanism)
	if !ok {
		return nil, nil, mongoerr.New(mongoerr.MechanismUnavailable,
			"Received authentication for mechanism %s which is not enabled", mechanism)
	}
	// The conversation, and the user it proves, outlive the message.
	c = &Conversation{db: strings.Clone(db), mechanism: strings.Clone(mechanism), skipEmpty: opts.SkipEmptyExchange}
	server, err := hash.NewServer(func(name string) (scram.StoredCredentials, error) {
		return c.lookup(ctx, users, name)
	})
	if err != nil {
		return nil, nil, err
	}
	c.scram = server.NewConversation()
	reply, err = c.step(payload)
	if err != nil {
		return nil, nil, err
	}
	return c, reply, nil
}

// Continue takes the client's next message and returns the answer. After an error
// the conversation has ended.
func (c *Conversation) Continue(payload []byte) (reply []byte, err error) {
	if c.done {
		return nil, failed()
	}
	if c.proven {
		c.done = true
		if len(payload) > 0 {
			c.proven = false
			return nil, failed()
		}
		return nil, nil
	}
	reply, err = c.step(payload)
	if err != nil {
		return nil, err
	}
	if !c.scram.Valid() {
		c.done = true
		return nil, failed()
	}
	c.proven = true
	c.done = c.skipEmpty
	return reply, nil
}

// ID returns the conversationId of the replies.
func (c *Conversation) ID() int32 { return conversationID }

// Mechanism returns the conversation's mechanism.
func (c *Conversation) Mechanism() string { return c.mechanism }

// Done reports whether the client need not, and must not, say more.
func (c *Conversation) Done() bool { return c.done }

// User returns the user, ok false as long as the client has not proven to be it.
func (c *Conversation) User() (u UserName, ok bool) {
	return UserName{DB: c.db, Name: c.scram.Username()}, c.done && c.proven
}

func (c *Conversation) step(payload []byte) ([]byte, error) {
	reply, err := c.scram.Step(string(payload))
	if err == nil {
		return []byte(reply), nil
	}
	c.done = true
	if c.lookupErr != nil {
		return nil, c.lookupErr
	}
	return nil, failed()
}

// errNoCredential is seen by the SCRAM library only.
var errNoCredential = errors.New("auth: no credential")

func (c *Conversation) lookup(ctx context.Context, users Store, name string) (scram.StoredCredentials, error) {
	u, err := users.Lookup(ctx, c.db, name)
	if err != nil {
		c.lookupErr = err
		return scram.StoredCredentials{}, err
	}
	var cred *Credential
	if u != nil {
		cred = u.credential(c.mechanism)
	}
	if cred == nil {
		return scram.StoredCredentials{}, errNoCredential
	}
	return cred.stored(), nil
}

func hashOf(mechanism string) (scram.HashGeneratorFcn, bool) {
	switch mechanism {
	case SHA1:
		return scram.SHA1, true
	case SHA256:
		return scram.SHA256, true
	}
	return nil, false
}

func failed() error {
	return mongoerr.New(mongoerr.AuthenticationFailed, "Authentication failed.")
}
