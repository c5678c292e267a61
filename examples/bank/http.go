package main

import (
	"encoding/json"
	"errors"
	"net/http"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/tandemdb/tandem/odm"
)

const (
	bodyBytesMax = 1 << 16
	historyMax   = 100
)

// Handler returns the HTTP API:
//
//	POST /accounts               {"owner", "balance"}
//	GET  /accounts/{id}
//	GET  /accounts/{id}/history
//	POST /transfers              {"from", "to", "amount"}
func (b *Bank) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /accounts", b.open)
	mux.HandleFunc("GET /accounts/{id}", b.show)
	mux.HandleFunc("GET /accounts/{id}/history", b.history)
	mux.HandleFunc("POST /transfers", b.transfer)
	return mux
}

func (b *Bank) open(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Owner   string
		Balance int64
	}
	if !read(w, r, &in) {
		return
	}
	a, err := b.Open(r.Context(), in.Owner, in.Balance)
	reply(w, http.StatusCreated, a, err)
}

func (b *Bank) show(w http.ResponseWriter, r *http.Request) {
	if id, ok := pathID(w, r); ok {
		a, err := b.Account(r.Context(), id)
		reply(w, http.StatusOK, a, err)
	}
}

func (b *Bank) history(w http.ResponseWriter, r *http.Request) {
	if id, ok := pathID(w, r); ok {
		entries, err := b.History(r.Context(), id, historyMax)
		reply(w, http.StatusOK, entries, err)
	}
}

func (b *Bank) transfer(w http.ResponseWriter, r *http.Request) {
	var in struct {
		From, To bson.ObjectID
		Amount   int64
	}
	if !read(w, r, &in) {
		return
	}
	e, err := b.Transfer(r.Context(), in.From, in.To, in.Amount)
	reply(w, http.StatusCreated, e, err)
}

func pathID(w http.ResponseWriter, r *http.Request) (bson.ObjectID, bool) {
	id, err := bson.ObjectIDFromHex(r.PathValue("id"))
	if err != nil {
		write(w, http.StatusBadRequest, problem{Error: "that is no id"})
	}
	return id, err == nil
}

func read(w http.ResponseWriter, r *http.Request, in any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyBytesMax)).Decode(in)
	if err != nil {
		write(w, http.StatusBadRequest, problem{Error: err.Error()})
	}
	return err == nil
}

// problem is the body of an error.
type problem struct {
	Error  string            `json:"error"`
	Fields map[string]string `json:"fields,omitempty"`
}

// reply sends a result, or the error with the status that it stands for.
func reply(w http.ResponseWriter, status int, result any, err error) {
	var invalid *odm.ValidationError
	switch {
	case err == nil:
		write(w, status, result)
	case errors.As(err, &invalid):
		p := problem{Error: "some fields are not valid", Fields: map[string]string{}}
		for _, f := range invalid.Fields {
			p.Fields[f.Path] = f.Message
		}
		write(w, http.StatusUnprocessableEntity, p)
	case errors.Is(err, odm.ErrNotFound):
		write(w, http.StatusNotFound, problem{Error: "there is no such account"})
	case errors.Is(err, errFunds), errors.Is(err, errAmount), errors.Is(err, errSame):
		write(w, http.StatusConflict, problem{Error: err.Error()})
	default:
		write(w, http.StatusInternalServerError, problem{Error: "something went wrong"})
	}
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has gone
}
