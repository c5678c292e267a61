package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/odm"
	"github.com/tandemdb/tandem/tandemtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newBank returns a bank in which every transaction is run twice, and its receipts.
func newBank(t *testing.T) (*Bank, *atomic.Int64) {
	t.Helper()
	receipts := &atomic.Int64{}
	conn := odm.Use(tandemtest.New(t).Client, "bank", &odm.ConnectionOptions{Rehearse: true, RequireSession: true})
	bank, err := NewBank(t.Context(), conn, func(context.Context, *Entry) { receipts.Add(1) })
	require.NoError(t, err)
	return bank, receipts
}

func open(t *testing.T, b *Bank, owner string, balance int64) *Account {
	t.Helper()
	a, err := b.Open(t.Context(), owner, balance)
	require.NoError(t, err)
	return a
}

func balance(t *testing.T, b *Bank, a *Account) int64 {
	t.Helper()
	stored, err := b.Account(t.Context(), a.ID)
	require.NoError(t, err)
	return stored.Balance
}

func TestTransfer(t *testing.T) {
	b, receipts := newBank(t)
	ann, bob := open(t, b, "Ann", 100), open(t, b, "Bob", 0)
	_, err := b.Transfer(t.Context(), ann.ID, bob.ID, 30)
	require.NoError(t, err)
	require.EqualValues(t, 70, balance(t, b, ann))
	require.EqualValues(t, 30, balance(t, b, bob))

	_, err = b.Transfer(t.Context(), ann.ID, bob.ID, 71)
	require.ErrorIs(t, err, errFunds)
	_, err = b.Transfer(t.Context(), ann.ID, bson.NewObjectID(), 1)
	require.ErrorIs(t, err, odm.ErrNotFound)
	require.EqualValues(t, 70, balance(t, b, ann))
	require.EqualValues(t, 1, receipts.Load())

	history, err := b.History(t.Context(), bob.ID, 10)
	require.NoError(t, err)
	require.Len(t, history, 1)
	require.Equal(t, "Ann", history[0].From.Doc().Owner)
	require.EqualValues(t, 30, history[0].Amount)
}

// Money moves around in parallel; none is made or lost.
func TestParallelTransfersKeepTheSum(t *testing.T) {
	b, receipts := newBank(t)
	accounts := make([]*Account, 4)
	for i := range accounts {
		accounts[i] = open(t, b, fmt.Sprint("owner ", i), 100)
	}
	var wg sync.WaitGroup
	var done atomic.Int64
	for i := range 4 {
		wg.Go(func() {
			for k := range 10 {
				from, to := accounts[(i+k)%4], accounts[(i+k+1)%4]
				switch _, err := b.Transfer(t.Context(), from.ID, to.ID, 7); {
				case err == nil:
					done.Add(1)
				case !errors.Is(err, errFunds):
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	sum := int64(0)
	for _, a := range accounts {
		n := balance(t, b, a)
		require.GreaterOrEqual(t, n, int64(0))
		sum += n
	}
	require.EqualValues(t, 400, sum)
	require.Equal(t, done.Load(), receipts.Load())
	n, err := b.entries.Count(t.Context(), nil)
	require.NoError(t, err)
	require.Equal(t, done.Load(), n)
}

func TestAPI(t *testing.T) {
	b, _ := newBank(t)
	srv := b.Handler()
	call := func(method, path string, body any, want int) map[string]any {
		t.Helper()
		data, err := json.Marshal(body)
		require.NoError(t, err)
		w := httptest.NewRecorder()
		srv.ServeHTTP(w, httptest.NewRequest(method, path, bytes.NewReader(data)).WithContext(t.Context()))
		require.Equal(t, want, w.Code, w.Body.String())
		var out map[string]any
		if w.Body.Bytes()[0] == '[' {
			var list []map[string]any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &list))
			return list[0]
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out))
		return out
	}
	ann := call("POST", "/accounts", map[string]any{"owner": "Ann", "balance": 10}, http.StatusCreated)["id"].(string)
	bob := call("POST", "/accounts", map[string]any{"owner": "Bob"}, http.StatusCreated)["id"].(string)
	bad := call("POST", "/accounts", map[string]any{"balance": -1}, http.StatusUnprocessableEntity)
	require.Equal(t, map[string]any{
		"owner": "Path `owner` is required.", "balance": "Path `balance` (-1) is less than minimum allowed value (0).",
	}, bad["fields"])
	call("POST", "/transfers", map[string]any{"from": ann, "to": bob, "amount": 4}, http.StatusCreated)
	call("POST", "/transfers", map[string]any{"from": ann, "to": bob, "amount": 400}, http.StatusConflict)
	require.EqualValues(t, 6, call("GET", "/accounts/"+ann, nil, http.StatusOK)["balance"])
	entry := call("GET", "/accounts/"+bob+"/history", nil, http.StatusOK)
	require.Equal(t, "Ann", entry["from"].(map[string]any)["owner"])
	call("GET", "/accounts/nobody", nil, http.StatusBadRequest)
	call("GET", "/accounts/"+bson.NewObjectID().Hex(), nil, http.StatusNotFound)
}
