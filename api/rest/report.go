package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/waybill-dev/waybill/api/report"
)

const (
	// reportTime bounds the making of one report, reportsAtOnce how many are made at a time.
	reportTime    = 15 * time.Minute
	reportsAtOnce = 4
	// reportWrite bounds the wait for a client that does not read.
	reportWrite = time.Minute
)

// reports serves GET /waybill/v1/reports/{report}: fsma, dscsa, suspect and verify. It is no part of the standard's
// binding; the parameters are those of the command `waybill report`.
func (s *Server) reports() handler {
	slots := make(chan struct{}, reportsAtOnce)
	return func(w http.ResponseWriter, r *http.Request) error {
		if s.cfg.Reports == nil {
			return notFound("this server makes no reports")
		}
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return badQuery("the query string is malformed")
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			return fmt.Errorf("%w: %d reports are under way", ErrBusy, reportsAtOnce)
		}
		ctx, cancel := context.WithTimeout(r.Context(), reportTime)
		defer cancel()
		name := r.PathValue("report")
		p := parameters{values: values}
		if name == "verify" {
			return s.verify(ctx, w, r, &p)
		}
		asked, err := p.report(name)
		if err != nil {
			return reportProblem(err)
		}
		out := &reportBody{w: w, head: r.Method == http.MethodHead}
		begin := func(sheet *report.Sheet) error {
			h := w.Header()
			h.Set("Content-Type", asked.Format.MediaType())
			h.Set("Content-Disposition", `attachment; filename="`+sheet.Name+"."+string(asked.Format)+`"`)
			h.Set("Waybill-Ledger-Height", strconv.FormatUint(sheet.AsOf.Height, 10))
			h.Set("Waybill-Last-Block", fmt.Sprintf("%x", sheet.AsOf.Hash))
			if out.head {
				return errHead
			}
			return nil
		}
		_, err = asked.Make(ctx, s.cfg.Reports, s.cfg.ReportMaster, out, begin, nil)
		switch {
		case errors.Is(err, errHead):
			w.WriteHeader(http.StatusOK)
		case err != nil && out.begun:
			s.cfg.Log.WarnContext(ctx, "a report ended early", "report", name, "error", err)
			panic(http.ErrAbortHandler) // so that the client sees that it is not whole
		case err != nil:
			for _, k := range []string{"Content-Type", "Content-Disposition", "Waybill-Ledger-Height", "Waybill-Last-Block"} {
				w.Header().Del(k)
			}
			return reportProblem(err)
		}
		return nil
	}
}

// errHead ends a report of which only the head was asked for.
var errHead = errors.New("head only")

// reportBody writes a report to a client that may be slow, but not forever.
type reportBody struct {
	w           http.ResponseWriter
	head, begun bool
}

func (b *reportBody) Write(p []byte) (int, error) {
	b.begun = true
	err := http.NewResponseController(b.w).SetWriteDeadline(time.Now().Add(reportWrite))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return b.w.Write(p)
}

// reportProblem says what the caller may be told of an error of a report.
func reportProblem(err error) error {
	switch {
	case errors.Is(err, report.ErrArgument):
		return newProblem(http.StatusBadRequest, excQueryParameter, "The request is not valid", err.Error())
	case errors.Is(err, report.ErrUnknownProduct), errors.Is(err, report.ErrUnknownLot):
		return newProblem(http.StatusNotFound, excNoSuchName, "Resource not found", err.Error())
	case errors.Is(err, report.ErrTooLarge):
		return newProblem(http.StatusRequestEntityTooLarge, excTooComplex, "The report is too large", err.Error())
	}
	return err
}

// parameters are those of a URL. Each may stand once; those that nobody took are wrong.
type parameters struct {
	values url.Values
	err    error
}

func (p *parameters) take(name string) string {
	v := p.values[name]
	delete(p.values, name)
	if len(v) > 1 && p.err == nil {
		p.err = fmt.Errorf("%w: %s stands %d times", report.ErrArgument, name, len(v))
	}
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func (p *parameters) end() error {
	for name := range p.values {
		if p.err == nil {
			p.err = fmt.Errorf("%w: %q is no parameter of this report", report.ErrArgument, name)
		}
	}
	return p.err
}

func (p *parameters) identity() report.Identity {
	return report.Identity{EPC: p.take("epc"), GTIN: p.take("gtin"), Serial: p.take("serial"), Lot: p.take("lot"), Expiry: p.take("expiry")}
}

func (p *parameters) instant(name string) (t time.Time) {
	s := p.take(name)
	if s == "" {
		return t
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("%w: %s is no time such as 2026-03-01T00:00:00Z", report.ErrArgument, name)
	}
	return t
}

func (p *parameters) report(name string) (asked report.Request, err error) {
	asked.Format = report.CSV
	if f := p.take("format"); f != "" {
		if asked.Format, err = report.ParseFormat(f); err != nil {
			return asked, err
		}
	}
	zone, err := report.ParseZone(p.take("zone"))
	if err != nil {
		return asked, err
	}
	switch name {
	case "fsma":
		q := &report.FoodQuery{From: p.instant("from"), Until: p.instant("until"), Zone: zone}
		if lot := p.take("lot"); lot != "" {
			if q.Lot, err = report.LotOf(lot); err != nil {
				return asked, err
			}
		}
		asked.Food = q
	case "dscsa":
		asked.Drug = &report.DrugQuery{Identity: p.identity(), Zone: zone}
	case "suspect":
		asked.Suspect = &report.SuspectQuery{Identity: p.identity(), At: time.Now(), Zone: zone}
	default:
		return asked, notFound("there is no such report: fsma, dscsa, suspect or verify")
	}
	return asked, p.end()
}

// verification is the answer about one package as JSON.
type verification struct {
	EPC           string         `json:"epc"`
	Outcome       report.Outcome `json:"outcome"`
	Reasons       []reason       `json:"reasons,omitempty"`
	LotMatches    bool           `json:"lotMatches"`
	ExpiryMatches bool           `json:"expiryMatches"`
	Status        string         `json:"status,omitempty"`
	Custodian     string         `json:"custodian,omitempty"`
	Container     string         `json:"container,omitempty"`
	Commissioned  *commissioned  `json:"commissioned,omitempty"`
	Height        uint64         `json:"ledgerHeight"`
}

type reason struct {
	Code   report.ReasonCode `json:"code"`
	Detail string            `json:"detail"`
	Event  string            `json:"event,omitempty"`
}

type commissioned struct {
	Event string    `json:"event"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Block uint64    `json:"block"`
	Index uint32    `json:"index"`
	TxID  string    `json:"transaction"`
}

func (s *Server) verify(ctx context.Context, w http.ResponseWriter, r *http.Request, p *parameters) error {
	identity := p.identity()
	if err := p.end(); err != nil {
		return reportProblem(err)
	}
	if err := wantsJSON(r); err != nil {
		return err
	}
	v, err := report.Verify(ctx, s.cfg.Reports, identity, time.Now())
	if err != nil {
		return reportProblem(err)
	}
	answer := verification{
		EPC: v.EPC, Outcome: v.Outcome, LotMatches: v.LotMatches, ExpiryMatches: v.ExpiryMatches,
		Status: v.Status, Custodian: v.Custodian, Container: v.Container, Height: v.AsOf.Height,
	}
	for _, x := range v.Reasons {
		said := reason{Code: x.Code, Detail: x.Detail}
		if !x.NoEvent() {
			said.Event = x.Event.String()
		}
		answer.Reasons = append(answer.Reasons, said)
	}
	if c := v.Commissioned; c != nil {
		answer.Commissioned = &commissioned{Event: c.Hash.String(), By: c.RecordedBy, At: c.EventTime, Block: c.Block, Index: c.Index, TxID: c.TxID}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, "application/json", body)
}
