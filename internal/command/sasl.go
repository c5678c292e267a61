package command

import (
	"context"

	"github.com/tandemdb/tandem/internal/auth"
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// payload returns the SASL message of a command, which some clients send as text.
func payload(d bsonx.Doc) []byte {
	v := d.Lookup("payload")
	if v.Type == bsonx.TypeString {
		return []byte(v.Str())
	}
	_, b := v.Binary()
	return b
}

func startOptions(d bsonx.Doc) auth.StartOptions {
	return auth.StartOptions{SkipEmptyExchange: d.LookupPath("options", "skipEmptyExchange").Truthy()}
}

// appendSASL adds the fields of a step of a conversation.
func appendSASL(b *bsonx.Builder, conv *auth.Conversation, reply []byte) {
	b.Int32("conversationId", conv.ID()).
		Bool("done", conv.Done()).
		Value("payload", bsonx.Binary(0, reply))
}

func cmdSaslStart(ctx context.Context, c *Call) error {
	conv, reply, err := auth.Start(ctx, &c.Service.users, c.DB, c.Arg("mechanism").Str(), payload(c.Body), startOptions(c.Body))
	if err != nil {
		c.Conn.SetConversation(nil)
		return err
	}
	c.Conn.SetConversation(conv)
	appendSASL(c.Reply, conv, reply)
	return nil
}

func cmdSaslContinue(_ context.Context, c *Call) error {
	conv := c.Conn.Conversation()
	if conv == nil {
		return mongoerr.New(mongoerr.ProtocolError, "No SASL session state found")
	}
	if id, _ := integer(c.Arg("conversationId")); id != int64(conv.ID()) {
		return mongoerr.New(mongoerr.ProtocolError, "sasl: Mismatched conversation id")
	}
	reply, err := conv.Continue(payload(c.Body))
	if err != nil {
		c.Conn.SetConversation(nil)
		return err
	}
	if user, ok := conv.User(); ok {
		c.Conn.Login(user)
		c.Conn.userChanged()
		c.Conn.SetConversation(nil)
	}
	appendSASL(c.Reply, conv, reply)
	return nil
}

func cmdLogout(_ context.Context, c *Call) error {
	c.Conn.Logout(c.DB)
	c.Conn.userChanged()
	return nil
}

// cmdAuthenticate refuses what came before SASL: the only mechanism left is that of client
// certificates.
func cmdAuthenticate(_ context.Context, c *Call) error {
	return mongoerr.New(mongoerr.MechanismUnavailable,
		"Received authentication for mechanism %s which is not enabled", c.Arg("mechanism").Str())
}
