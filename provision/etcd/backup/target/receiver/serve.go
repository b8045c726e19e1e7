package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"golang.org/x/sys/unix"

	"provision/provision/etcd/backup/target"
)

// Store is what a handler puts objects into.
type Store interface {
	target.Target
	// Write is Put for what can be read once only.
	Write(ctx context.Context, name string, content io.Reader, size int64) error
}

const (
	objects = "/objects/"
	listing = "/list"
)

// Handler serves a store.
func Handler(store Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+objects, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			http.Error(w, "the size is not announced", http.StatusLengthRequired)
			return
		}
		answer(w, store.Write(r.Context(), name(r), r.Body, r.ContentLength))
	})
	mux.HandleFunc("GET "+objects, func(w http.ResponseWriter, r *http.Request) {
		content, err := store.Get(r.Context(), name(r))
		if err != nil {
			answer(w, err)
			return
		}
		defer content.Close()
		_, _ = io.Copy(w, content)
	})
	mux.HandleFunc("DELETE "+objects, func(w http.ResponseWriter, r *http.Request) {
		answer(w, store.Delete(r.Context(), name(r)))
	})
	mux.HandleFunc("GET "+listing, func(w http.ResponseWriter, r *http.Request) {
		list, err := store.List(r.Context(), r.URL.Query().Get("prefix"))
		if err != nil {
			answer(w, err)
			return
		}
		_ = json.NewEncoder(w).Encode(list)
	})
	return mux
}

func name(r *http.Request) string { return strings.TrimPrefix(r.URL.Path, objects) }

func answer(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, target.ErrNotFound):
		http.Error(w, err.Error(), http.StatusNotFound)
	case errors.Is(err, unix.ENOSPC):
		http.Error(w, err.Error(), http.StatusInsufficientStorage)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
