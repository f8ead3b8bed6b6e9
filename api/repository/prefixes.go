package repository

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/epcis"
)

// Learned keeps the company prefixes that recorded events told; api/servicestate implements it.
type Learned interface {
	Prefixes(ctx context.Context) (prefixes []string, position string, err error)
	SavePrefixes(ctx context.Context, prefixes []string, position string) error
}

const (
	// maxPrefixes bounds the prefixes that are kept.
	maxPrefixes = 100_000
	// learnTime bounds how long one translation waits for what is learned; the rest is learned at the next.
	learnTime = 2 * time.Second
	// learnAgain is how often one that cannot be translated makes the newest events be read.
	learnAgain = time.Second
	learnPage  = 500
)

// Prefixes spells GS1 identifiers as EPC URNs by the company prefixes that it was told and that
// recorded events tell: one that was sent as an EPC URN says where its prefix ends. Nothing is
// read before somebody asks for a URN that the known prefixes do not give.
type Prefixes struct {
	repository *Repository
	learned    Learned
	// named are the operator's, which what events tell does not overrule.
	named epcis.CompanyPrefixes

	mu       sync.Mutex
	known    map[string]bool
	lengths  [13]bool // of known prefixes
	position string
	loaded   bool
	asked    time.Time
}

// NewPrefixes makes it with the prefixes that the operator named.
func NewPrefixes(r *Repository, learned Learned, named epcis.CompanyPrefixes) *Prefixes {
	return &Prefixes{repository: r, learned: learned, named: slices.Clone(named), known: map[string]bool{}}
}

func (p *Prefixes) add(prefix string) bool {
	if p.known[prefix] || len(prefix) < 6 || len(prefix) > 12 || len(p.known) >= maxPrefixes {
		return false
	}
	p.known[prefix], p.lengths[len(prefix)] = true, true
	return true
}

// URN gives the EPC URN of a GS1 identifier; others stay as they are. The error is an epcis.Fault with
// epcis.CodeCompanyPrefix when no known prefix fits.
func (p *Prefixes) URN(id string) (string, error) {
	urn, err := p.translate(id)
	if f, ok := errors.AsType[epcis.Fault](err); ok && f.Code == epcis.CodeCompanyPrefix && p.learn() {
		return p.translate(id)
	}
	return urn, err
}

func (p *Prefixes) translate(id string) (string, error) {
	if strings.HasPrefix(id, "urn:") {
		return id, nil
	}
	if urn, err := p.named.URN(id); err == nil {
		return urn, nil
	}
	p.mu.Lock()
	var fitting epcis.CompanyPrefixes
	// The key after the domain: an application identifier, and a digit before the prefix for some of them.
	if parsed, err := epcis.ParseIdentifier(id); err == nil {
		for part := range strings.SplitSeq(parsed.Canonical, "/") {
			for length := 6; length <= 12; length++ {
				for from := 0; from <= 1 && p.lengths[length] && from+length <= len(part); from++ {
					if prefix := part[from : from+length]; p.known[prefix] {
						fitting = append(fitting, prefix)
					}
				}
			}
		}
	}
	p.mu.Unlock()
	return fitting.URN(id)
}

// learn reads events for the prefixes of their EPC URNs and tells whether there are new ones.
func (p *Prefixes) learn() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.asked) < learnAgain {
		return false
	}
	defer func() { p.asked = time.Now() }()
	ctx, cancel := context.WithTimeout(context.Background(), learnTime)
	defer cancel()
	more := false
	if !p.loaded {
		prefixes, position, err := p.learned.Prefixes(ctx)
		if err != nil {
			p.repository.log.WarnContext(ctx, "company prefixes cannot be read", "error", err)
			return false
		}
		for _, prefix := range prefixes {
			more = p.add(prefix) || more
		}
		p.position, p.loaded = position, true
	}
	var fresh []string
	from := p.position
	for ctx.Err() == nil {
		records, next, err := p.repository.After(ctx, p.position, learnPage)
		if err != nil || len(records) == 0 {
			break
		}
		p.position = next
		for _, r := range records {
			for _, prefix := range prefixesOf(r) {
				if p.add(prefix) {
					fresh = append(fresh, prefix)
				}
			}
		}
	}
	if p.position != from {
		saving, done := context.WithTimeout(context.Background(), learnTime)
		defer done()
		if err := p.learned.SavePrefixes(saving, fresh, p.position); err != nil {
			p.repository.log.WarnContext(saving, "company prefixes cannot be kept", "error", err)
		}
	}
	return more || len(fresh) > 0
}

// prefixesOf gives the company prefixes of the EPC URNs of an event.
func prefixesOf(r rest.Record) (prefixes []string) {
	e := r.Event
	add := func(id string) {
		rest, ok := strings.CutPrefix(id, "urn:epc:id")
		if !ok {
			return
		}
		_, rest, _ = strings.Cut(rest, ":")  // id: or idpat:
		_, rest, ok = strings.Cut(rest, ":") // the scheme
		prefix, _, cut := strings.Cut(rest, ".")
		if !ok || !cut || strings.Trim(prefix, "0123456789") != "" || slices.Contains(prefixes, prefix) {
			return
		}
		if _, err := epcis.ParseIdentifier(id); err == nil {
			prefixes = append(prefixes, prefix)
		}
	}
	add(e.ParentID)
	for _, list := range [][]string{e.EPCs, e.ChildEPCs, e.InputEPCs, e.OutputEPCs} {
		for _, id := range list {
			add(id)
		}
	}
	for _, list := range [][]epcis.Quantity{e.Quantities, e.ChildQuantities, e.InputQuantities, e.OutputQuantities} {
		for _, q := range list {
			add(q.EPCClass)
		}
	}
	if e.ReadPoint != nil {
		add(e.ReadPoint.ID)
	}
	if e.BizLocation != nil {
		add(e.BizLocation.ID)
	}
	for _, list := range [][]epcis.Party{e.Sources, e.Destinations} {
		for _, s := range list {
			add(s.ID)
		}
	}
	for _, el := range e.SensorElements {
		if el.Metadata != nil {
			add(el.Metadata.DeviceID)
		}
		for _, report := range el.Reports {
			add(report.DeviceID)
		}
	}
	return prefixes
}
