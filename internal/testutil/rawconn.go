// Package testutil holds what tests of several packages share. Only tests import it.
package testutil

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// RawConn is a client that sends commands as they are, with the session fields that a test wants
// to choose itself. It is used by one goroutine.
type RawConn struct {
	nc net.Conn
	r  *bufio.Reader
	id int32
}

// DialRaw connects to a server.
func DialRaw(addr string) (*RawConn, error) {
	nc, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &RawConn{nc: nc, r: bufio.NewReader(nc)}, nil
}

// Close closes the connection.
func (c *RawConn) Close() { _ = c.nc.Close() }

const opMsg = 2013

// Run sends one command and returns the reply, whatever its ok field says. An error is one of the
// connection.
func (c *RawConn) Run(db string, cmd bson.D) (bson.Raw, error) {
	body, err := bson.Marshal(append(cmd, bson.E{Key: "$db", Value: db}))
	if err != nil {
		return nil, err
	}
	c.id++
	msg := binary.LittleEndian.AppendUint32(nil, uint32(16+4+1+len(body)))
	msg = binary.LittleEndian.AppendUint32(msg, uint32(c.id))
	msg = binary.LittleEndian.AppendUint32(msg, 0)
	msg = binary.LittleEndian.AppendUint32(msg, opMsg)
	msg = append(msg, 0, 0, 0, 0, 0)
	if _, err := c.nc.Write(append(msg, body...)); err != nil {
		return nil, err
	}
	return c.read()
}

func (c *RawConn) read() (bson.Raw, error) {
	var head [21]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.LittleEndian.Uint32(head[:])) - len(head)
	if n < 5 || n > 48_000_000 {
		return nil, fmt.Errorf("reply of %d bytes", n)
	}
	reply := make(bson.Raw, n)
	_, err := io.ReadFull(c.r, reply)
	return reply, err
}

// Code returns the error code of a reply, 0 for success. Write errors count.
func Code(reply bson.Raw) int32 {
	if v, ok := reply.Lookup("code").AsInt64OK(); ok {
		return int32(v)
	}
	if arr, ok := reply.Lookup("writeErrors").ArrayOK(); ok {
		return int32(bson.Raw(arr).Lookup("0", "code").AsInt64())
	}
	return 0
}
