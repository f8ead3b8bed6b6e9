package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

const simpleEventQuery = "SimpleEventQuery"

// answered gives an event as it goes out: with its eventID, or its hash for one,
// and the time of its recording.
func answered(r Record) *epcis.Event {
	e := *r.Event
	if e.EventID == "" {
		e.EventID = r.Hash.String()
	}
	if r.RecordTime.IsZero() {
		e.RecordTime = epcis.Time{}
		return &e
	}
	at := r.RecordTime.UTC().Truncate(time.Millisecond)
	e.RecordTime = epcis.Time{Instant: at, Text: at.Format("2006-01-02T15:04:05.000Z07:00")}
	return &e
}

// results is a document of query results.
type results struct {
	queryName, subscriptionID string
	form                      epcis.Form
	webWords                  bool
	identifier                func(string) (string, error)
	records                   []Record
	at                        time.Time
}

// write writes an EPCISQueryDocument. An event that the form cannot express fails
// the whole, since leaving it out would be a lie.
func (d results) write(w io.Writer) error {
	at := d.at.UTC().Truncate(time.Millisecond)
	enc, err := epcis.NewEncoder(w, &epcis.Document{
		Type: "EPCISQueryDocument", SchemaVersion: "2.0",
		CreationDate:   epcis.Time{Instant: at, Text: at.Format("2006-01-02T15:04:05.000Z07:00")},
		Context:        []byte(`"` + epcis.DefaultContext + `"`),
		QueryName:      d.queryName,
		SubscriptionID: d.subscriptionID,
	}, epcis.WriteOptions{Form: d.form, WebVocabulary: d.webWords, Identifier: d.identifier})
	if err != nil {
		return fmt.Errorf("writing results: %w", err)
	}
	for _, r := range d.records {
		if err := enc.WriteEvent(answered(r)); err != nil {
			return fmt.Errorf("writing event %s: %w", r.Hash, err)
		}
	}
	if err := enc.Close(); err != nil {
		return fmt.Errorf("writing results: %w", err)
	}
	return nil
}

// bytes gives the document.
func (d results) bytes() ([]byte, error) {
	var b bytes.Buffer
	if err := d.write(&b); err != nil {
		if fs, ok := errors.AsType[epcis.Faults](err); ok && fs.Has(epcis.CodeCompanyPrefix) {
			return nil, notAcceptable(fs.Error() + "; ask for another GS1-EPC-Format, or name the prefix to the server")
		}
		if fs, ok := errors.AsType[epcis.Faults](err); ok && d.form != epcis.FormJSON && fs.Has(epcis.CodeForm) {
			return nil, notAcceptable(err.Error() + "; ask for application/json")
		}
		// A fault here is of what the repository holds and none of the caller's.
		return nil, fmt.Errorf("WB_INTERNAL: %v", err) //nolint:errorlint // the chain would read as a refusal
	}
	return b.Bytes(), nil
}

// bareEvent writes one event as a JSON-LD document of its own.
func bareEvent(r Record, identifier func(string) (string, error)) ([]byte, error) {
	body, err := results{queryName: simpleEventQuery, identifier: identifier, records: []Record{r}, at: r.RecordTime}.bytes()
	if err != nil {
		return nil, err
	}
	var doc struct {
		Context json.RawMessage `json:"@context"`
		Body    struct {
			Results struct {
				Body struct {
					Events []json.RawMessage `json:"eventList"`
				} `json:"resultsBody"`
			} `json:"queryResults"`
		} `json:"epcisBody"`
	}
	if err := json.Unmarshal(body, &doc); err != nil || len(doc.Body.Results.Body.Events) != 1 {
		return nil, fmt.Errorf("WB_INTERNAL: a document of one event does not read back: %w", err)
	}
	event := doc.Body.Results.Body.Events[0]
	if bytes.Contains(event, []byte(`"@context"`)) {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(event, &members); err != nil {
			return nil, fmt.Errorf("WB_INTERNAL: %w", err)
		}
		if own, ok := members["@context"]; ok { // adds to the document's
			joined, err := joinContexts(doc.Context, own)
			if err != nil {
				return nil, err
			}
			members["@context"] = joined
			out, err := json.Marshal(members)
			if err != nil {
				return nil, fmt.Errorf("WB_INTERNAL: %w", err)
			}
			return out, nil
		}
	}
	out := append([]byte(`{"@context":`), doc.Context...)
	return append(append(out, ','), event[1:]...), nil
}

// joinContexts puts two @context values one after the other.
func joinContexts(a, b json.RawMessage) (json.RawMessage, error) {
	var list []json.RawMessage
	for _, c := range []json.RawMessage{a, b} {
		var several []json.RawMessage
		if json.Unmarshal(c, &several) != nil {
			several = []json.RawMessage{c}
		}
		for _, one := range several {
			if !containsRaw(list, one) {
				list = append(list, one)
			}
		}
	}
	out, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("WB_INTERNAL: %w", err)
	}
	return out, nil
}

func containsRaw(list []json.RawMessage, one json.RawMessage) bool {
	for _, have := range list {
		if bytes.Equal(have, one) {
			return true
		}
	}
	return false
}

// collection is a list of resources.
type collection struct {
	Context string   `json:"@context"`
	Type    string   `json:"type"`
	Member  []string `json:"member"`
}

func newCollection(members []string) collection {
	if members == nil {
		members = []string{}
	}
	return collection{Context: epcis.DefaultContext, Type: "Collection", Member: members}
}
