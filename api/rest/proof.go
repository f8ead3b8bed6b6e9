package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/epcis"
)

// Prover proves events under the last root that a majority of the organisations anchored; bare proofs
// leave the bodies out. An event that is not recorded is ErrNotFound, one that no such root covers yet
// ErrBusy.
type Prover interface {
	ProveEvents(ctx context.Context, events []epcis.Hash, bare bool) (proof.Proof, error)
}

// The media type of a proof's file.
const typeProof = "application/vnd.waybill.proof"

// prove serves GET /waybill/v1/proof. It is no part of the standard's binding; the parameters are event,
// a hash in either spelling, which may stand more than once, bare (true or false) and format (wbproof or json).
func (s *Server) prove(w http.ResponseWriter, r *http.Request) error {
	if s.cfg.Proofs == nil {
		return notFound("this server gives no proofs")
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badQuery("the query string is malformed")
	}
	var hashes []epcis.Hash
	bare, view := false, false
	for name, given := range values {
		if name == "event" {
			for _, text := range given {
				hash, malformed := epcis.ParseHash(text)
				if malformed != nil {
					return badQuery("event: " + malformed.Error())
				}
				hashes = append(hashes, hash)
			}
			continue
		}
		switch {
		case len(given) != 1:
			return badQuery(name + " stands " + strconv.Itoa(len(given)) + " times")
		case name == "bare" && (given[0] == "true" || given[0] == "false"):
			bare = given[0] == "true"
		case name == "format" && (given[0] == "wbproof" || given[0] == "json"):
			view = given[0] == "json"
		default:
			return badQuery(strconv.Quote(name) + " is no parameter of this question, or has another value than it may")
		}
	}
	if len(hashes) == 0 || len(hashes) > proof.MaxLeaves {
		return badQuery("event names " + strconv.Itoa(len(hashes)) + " events; from 1 to " + strconv.Itoa(proof.MaxLeaves) + " can be proven at once")
	}
	p, err := s.cfg.Proofs.ProveEvents(r.Context(), hashes, bare)
	if err != nil {
		return err
	}
	if !view {
		file, large := p.Encode()
		if large != nil {
			return ErrTooLarge
		}
		return write(w, http.StatusOK, typeProof, file)
	}
	if err = wantsJSON(r); err != nil {
		return err
	}
	shown, err := proof.NewView(p)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(shown); err != nil {
		return err
	}
	return write(w, http.StatusOK, "application/json", body.Bytes())
}
