package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/rest/resttest"
	"github.com/waybill-dev/waybill/epcis"
)

// proven is a prover with one event.
type proven struct{ hash epcis.Hash }

func (p proven) ProveEvents(_ context.Context, events []epcis.Hash, bare bool) (proof.Proof, error) {
	switch {
	case events[0] == epcis.Hash{0xff}:
		return proof.Proof{}, fmt.Errorf("%w: WB_PROOF_NOT_ANCHORED: not yet", rest.ErrBusy)
	case events[0] != p.hash || bare:
		return proof.Proof{}, rest.ErrNotFound
	}
	return proof.Proof{Kind: proof.Inclusion}, nil
}

func TestProofsAreFilesAndJSON(t *testing.T) {
	hash := epcis.Hash{7}
	store := resttest.New()
	s, err := rest.New(rest.Config{Capturer: store, Events: store, Queries: store, Subscriptions: store, Proofs: proven{hash}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(query url.Values) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/waybill/v1/proof?"+query.Encode(), http.NoBody))
		return w
	}
	w := get(url.Values{"event": {hash.String()}})
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/vnd.waybill.proof" || !strings.HasPrefix(w.Body.String(), "WBPROOF\x01") {
		t.Errorf("%d %s %q", w.Code, w.Header(), w.Body)
	}
	file := w.Body.Bytes()
	w = get(url.Values{"event": {hash.String()}, "format": {"json"}})
	var view proof.View
	if err := json.Unmarshal(w.Body.Bytes(), &view); err != nil || w.Code != http.StatusOK || string(view.File) != string(file) {
		t.Errorf("%d %v %q", w.Code, err, w.Body)
	}
	for _, v := range []struct {
		query url.Values
		code  int
	}{
		{url.Values{"event": {hash.String()}, "bare": {"true"}}, http.StatusNotFound},
		{url.Values{"event": {epcis.Hash{8}.String()}}, http.StatusNotFound},
		{url.Values{"event": {epcis.Hash{0xff}.String()}}, http.StatusServiceUnavailable},
		{url.Values{}, http.StatusBadRequest},
		{url.Values{"event": {"no hash"}}, http.StatusBadRequest},
		{url.Values{"event": {hash.String()}, "bare": {"perhaps"}}, http.StatusBadRequest},
		{url.Values{"event": {hash.String()}, "other": {"x"}}, http.StatusBadRequest},
	} {
		if w := get(v.query); w.Code != v.code {
			t.Errorf("%s: %d %s", v.query, w.Code, w.Body)
		}
	}
}
