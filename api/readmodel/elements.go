package readmodel

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// The names under which what is registered of places and products is found as attributes (CBV 2.0, section 9).
const (
	mdaNamespace = "urn:epcglobal:cbv:mda"
	mdaName      = "name"
	mdaProduct   = "descriptionShort"
	mdaLatitude  = "latitude"
	mdaLongitude = "longitude"
)

type elementKey struct{ id, kind, mspID string }

type elementForce struct {
	statedAt int64
	content  ledger.Digest
}

// described is what is said of an identifier.
type described struct {
	attributes map[query.Name][]string
	children   []string
}

func (d *described) take(e ledger.Element) {
	for _, a := range e.Attributes {
		d.attribute(query.Name{Namespace: a.Namespace, Local: a.Local}, a.Value)
	}
	d.children = append(d.children, e.Children...)
}

func (d *described) attribute(name query.Name, value string) {
	if d.attributes == nil {
		d.attributes = map[query.Name][]string{}
	}
	d.attributes[name] = append(d.attributes[name], value)
}

// registered gives the attributes that a registered place or product has by its registration.
func (d *described) registered(m ledger.MasterDatum) {
	set := func(local, value string) {
		if value != "" {
			d.attribute(query.Name{Namespace: mdaNamespace, Local: local}, value)
		}
	}
	if p := m.Place; p != nil {
		set(mdaName, p.Name)
		if p.Position != nil {
			set(mdaLatitude, degrees(p.Position.Lat))
			set(mdaLongitude, degrees(p.Position.Lon))
		}
	}
	if p := m.Product; p != nil {
		set(mdaProduct, p.Name)
	}
}

// elements takes in what a transaction states of vocabulary elements.
func (p *projection) statements(t Recorded) {
	for _, e := range t.Elements {
		r := e.Record
		var contextDigest []byte
		if len(e.Context) > 0 {
			digest := ledger.Digest(sha256.Sum256(e.Context))
			contextDigest = digest[:]
			if !p.contexts[digest] {
				p.contexts[digest] = true
				p.add(tContexts, contextDigest, e.Context)
			}
		}
		p.add(tElements, r.ID, r.Type, r.MSPID, int64(r.StatedAt), r.Content[:], int64(r.SetAt), r.TxID, contextDigest, e.Body)
		if e.InForce {
			key := elementKey{r.ID, r.Type, r.MSPID}
			if _, ok := p.inForce[key]; !ok {
				p.inForceOrder = append(p.inForceOrder, key)
			}
			p.inForce[key] = elementForce{int64(r.StatedAt), r.Content}
		}
		said, err := readStatement(map[string]*epcis.Context{}, e.Context, e.Body)
		if err != nil {
			// The chaincode accepted it, so it stays; only queries by its attributes miss it.
			p.store.log.Error("a recorded vocabulary element cannot be read", "id", r.ID, "error", err)
			continue
		}
		var d described
		d.take(said)
		p.describe(r.ID, d)
		p.totals["elements"]++
	}
	for _, m := range t.Master {
		if m.Place != nil || m.Product != nil {
			var d described
			d.registered(m)
			p.describe(MasterID(m), d)
		}
	}
}

// describe notes which attributes an identifier is said to have.
func (p *projection) describe(id string, d described) {
	for name, values := range d.attributes {
		p.add(tElementTerms, attributeTerm(name), id)
		for _, v := range values {
			p.add(tElementTerms, valueTerm(name, v), id)
		}
	}
}

func attributeTerm(n query.Name) int64 { return term(aElement, 0, n.Namespace, n.Local) }

func valueTerm(n query.Name, value string) int64 {
	return term(aElement, 1, n.Namespace, n.Local, value)
}

func (p *projection) foldElements() {
	for _, key := range p.inForceOrder {
		f := p.inForce[key]
		p.add(tElementsInForce, key.id, key.kind, key.mspID, f.statedAt, f.content[:])
	}
}

func readStatement(within map[string]*epcis.Context, contextText, body []byte) (ledger.Element, error) {
	c, ok := within[string(contextText)]
	if !ok {
		var err error
		if c, err = epcis.ParseContext(contextText); err != nil {
			return ledger.Element{}, err
		}
		within[string(contextText)] = c
	}
	return ledger.ReadElement(c, contextText, body)
}

// The bounds of what one question may look up of master data.
const (
	maxDescribed   = 20_000 // identifiers
	maxDescendants = 10_000 // of one identifier
)

// masterView answers what a query asks of master data from what organisations state and register. An
// organisation's word on an identifier counts alone if it is the identifier's by the ledger's rules and it has said
// something; else everybody's word counts. What cannot be looked up is in err.
type masterView struct {
	ctx    context.Context //nolint:containedctx // lives as long as the one call that made it
	tx     querier
	known  map[string]*described
	below  map[string]map[string]bool
	within map[string]*epcis.Context
	err    error
}

var _ query.MasterData = (*masterView)(nil)

func newMasterView(ctx context.Context, tx querier) *masterView {
	return &masterView{ctx: ctx, tx: tx, known: map[string]*described{}, below: map[string]map[string]bool{}, within: map[string]*epcis.Context{}}
}

// Below implements query.MasterData.
func (v *masterView) Below(id, ancestor string) bool { return v.descendants(ancestor)[id] }

// Attribute implements query.MasterData.
func (v *masterView) Attribute(id string, name query.Name) []string {
	return v.describe(id).attributes[name]
}

func (v *masterView) descendants(ancestor string) map[string]bool {
	if found, ok := v.below[ancestor]; ok {
		return found
	}
	found := map[string]bool{}
	for todo := []string{ancestor}; len(todo) > 0 && v.err == nil; {
		at := todo[0]
		todo = todo[1:]
		for _, child := range v.describe(at).children {
			if found[child] {
				continue
			}
			if len(found) == maxDescendants {
				v.err = fmt.Errorf("%w: more than %d places lie below %.200s", ErrTooComplex, maxDescendants, ancestor)
				break
			}
			found[child] = true
			todo = append(todo, child)
		}
	}
	v.below[ancestor] = found
	return found
}

func (v *masterView) describe(id string) *described {
	if d, ok := v.known[id]; ok {
		return d
	}
	d := &described{}
	if v.err != nil {
		return d
	}
	if len(v.known) == maxDescribed {
		v.err = fmt.Errorf("%w: the master data of more than %d identifiers would have to be looked at", ErrTooComplex, maxDescribed)
		return d
	}
	if v.err = v.look(id, d); v.err == nil {
		v.known[id] = d
	}
	return d
}

func (v *masterView) look(id string, d *described) error {
	if id == "" {
		return nil
	}
	stated := map[string][]ledger.Element{}
	var organisations []string
	err := each(v.ctx, v.tx, func(rows *sql.Rows) error {
		var mspID string
		var contextText, body []byte
		if err := rows.Scan(&mspID, &contextText, &body); err != nil {
			return err
		}
		e, err := readStatement(v.within, contextText, body)
		if err != nil {
			return nil //nolint:nilerr // told when it was taken in
		}
		if len(stated[mspID]) == 0 {
			organisations = append(organisations, mspID)
		}
		stated[mspID] = append(stated[mspID], e)
		return nil
	}, `SELECT f.msp_id, c.context, e.body FROM elements_in_force f
		JOIN elements e ON e.id = f.id AND e.type = f.type AND e.msp_id = f.msp_id AND e.stated_at = f.stated_at AND e.content = f.content
		LEFT JOIN contexts c ON c.digest = e.context WHERE f.id = ? ORDER BY f.msp_id, f.type`, storable(id))
	if err != nil {
		return err
	}
	registered, err := latestMaster(v.ctx, v.tx, []ledger.MasterKind{ledger.MasterPlace, ledger.MasterProduct}, []string{id})
	if err != nil {
		return err
	}
	if len(organisations) > 1 {
		owner, err := v.owner(id, registered)
		if err != nil {
			return err
		}
		if slices.Contains(organisations, owner) {
			organisations = []string{owner}
		}
	}
	for _, o := range organisations {
		for _, e := range stated[o] {
			d.take(e)
		}
	}
	for _, m := range registered {
		d.registered(m)
	}
	return nil
}

// owner is whose an identifier is by the ledger's rules: the holder of its company prefix, else who has registered
// it; empty if nobody's.
func (v *masterView) owner(id string, registered []ledger.MasterDatum) (string, error) {
	prefixes := ledger.PrefixesOf(id)
	if len(prefixes) == 0 {
		if len(registered) > 0 {
			return registered[0].Owner, nil
		}
		return "", nil
	}
	held, err := latestMaster(v.ctx, v.tx, []ledger.MasterKind{ledger.MasterPrefix}, prefixes)
	if err != nil {
		return "", err
	}
	return ledger.HolderOf(id, func(prefix string) (string, error) {
		for _, m := range held {
			if m.Prefix != nil && m.Prefix.Prefix == prefix {
				return m.Owner, nil
			}
		}
		return "", nil
	})
}

// latestMaster gives what is registered of these kinds and ids in the latest versions in force.
func latestMaster(ctx context.Context, tx querier, kinds []ledger.MasterKind, ids []string) ([]ledger.MasterDatum, error) {
	var w where
	among(&w, "kind", kindTexts(kinds))
	among(&w, "id", ids)
	w.add(`waiting = '' AND version = (SELECT MAX(n.version) FROM master_data n WHERE n.kind = m.kind AND n.id = m.id AND n.waiting = '')`)
	var found []ledger.MasterDatum
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		m, err := masterOf(text)
		found = append(found, m)
		return err
	}, `SELECT datum FROM master_data m`+w.String()+` ORDER BY kind, id`, w.args...)
	return found, err
}

func kindTexts(kinds []ledger.MasterKind) []string {
	texts := make([]string, len(kinds))
	for i, k := range kinds {
		texts[i] = string(k)
	}
	return texts
}

// having gives the identifiers that were ever said to have one of the attributes, with one of the values if any
// are given; at most limit and one more.
func (v *masterView) having(p query.AttributeIs, limit int) (ids []string, err error) {
	var terms []int64
	for _, name := range p.Attributes {
		if p.Values == nil {
			terms = append(terms, attributeTerm(name))
		}
		for _, value := range p.Values {
			terms = append(terms, valueTerm(name, value))
		}
	}
	if len(terms) == 0 {
		return nil, nil
	}
	var w where
	among(&w, "term", terms)
	err = each(v.ctx, v.tx, func(rows *sql.Rows) error {
		var id string
		scanned := rows.Scan(&id)
		ids = append(ids, id)
		return scanned
	}, `SELECT DISTINCT id FROM element_terms`+w.String()+` LIMIT ?`, append(w.args, limit+1)...)
	return ids, err
}

// descendantsClause gives what the index knows of places below others.
func (v *masterView) descendantsClause(p query.IDIn) query.IDIn {
	all := slices.Clone(p.IDs)
	for _, id := range p.IDs {
		for below := range v.descendants(id) {
			all = append(all, below)
		}
	}
	slices.Sort(all)
	return query.IDIn{Field: p.Field, IDs: slices.Compact(all), Types: p.Types}
}

// attributeClause gives what the index knows of the attributes of an identifier.
func (s *selection) attributeClause(v *masterView, p query.AttributeIs) (c clause, possible bool) {
	ids, err := v.having(p, maxAlternatives)
	if err != nil {
		v.err = err
		return clause{}, true
	}
	if len(ids) == 0 {
		return clause{}, false
	}
	field, ok := map[string]query.IDField{"readPoint": query.ReadPoint, "bizLocation": query.BizLocation}[p.Field]
	if !ok || len(ids) > maxAlternatives {
		return clause{}, true
	}
	return s.idClause(query.IDIn{Field: field, IDs: ids})
}

// Vocabulary answers what standing queries ask of master data, by the latest block taken in.
type Vocabulary struct {
	store *Store

	mu     sync.Mutex
	height uint64
	view   *masterView
}

var _ query.MasterData = (*Vocabulary)(nil)

// Vocabulary gives the master data of the store for queries that are matched event by event.
func (s *Store) Vocabulary() *Vocabulary { return &Vocabulary{store: s} }

// lookTime bounds one look-up of a Vocabulary.
const lookTime = 5 * time.Second

func (v *Vocabulary) with(ask func(*masterView)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lookTime)
	defer cancel()
	if height, _ := v.store.Changed(); v.view == nil || height != v.height || len(v.view.known) >= maxDescribed/2 {
		v.view, v.height = newMasterView(ctx, v.store.asking()), height
	}
	v.view.ctx = ctx
	ask(v.view)
	if err := v.view.err; err != nil {
		v.store.log.ErrorContext(ctx, "master data cannot be looked up", "error", err)
		v.view = nil
	}
}

// Below implements query.MasterData.
func (v *Vocabulary) Below(id, ancestor string) (below bool) {
	v.with(func(m *masterView) { below = m.Below(id, ancestor) })
	return below
}

// Attribute implements query.MasterData.
func (v *Vocabulary) Attribute(id string, name query.Name) (values []string) {
	v.with(func(m *masterView) { values = m.Attribute(id, name) })
	return values
}

// ElementFilter selects statements on vocabulary elements; each field that is set must hold.
type ElementFilter struct {
	ID    string // canonical
	Type  string // canonical
	MSPID string // who says it
	All   bool   // every statement, not those in force only
}

// ElementKey orders statements.
type ElementKey struct {
	ID, Type, MSPID string
	StatedAt        ledger.Millis
	Content         ledger.Digest
}

// Element is a statement on a vocabulary element.
type Element struct {
	wire.RecordedElement
	Key ElementKey
}

// Elements lists at most limit statements on vocabulary elements after a key, in the order of keys.
func (s *Store) Elements(ctx context.Context, f ElementFilter, after ElementKey, limit int) ([]Element, error) {
	var w where
	w.add("(e.id, e.type, e.msp_id, e.stated_at, e.content) > (?, ?, ?, ?, ?)", after.ID, after.Type, after.MSPID, int64(after.StatedAt), after.Content[:])
	for _, c := range []struct{ column, value string }{{"e.id", f.ID}, {"e.type", f.Type}, {"e.msp_id", f.MSPID}} {
		if c.value != "" {
			w.add(c.column+" = ?", storable(c.value))
		}
	}
	if !f.All {
		w.add("f.id IS NOT NULL")
	}
	var found []Element
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var e Element
		var statedAt, setAt int64
		var content []byte
		if err := rows.Scan(&e.Key.ID, &e.Key.Type, &e.Key.MSPID, &statedAt, &content, &setAt, &e.Record.TxID, &e.Context, &e.Body, &e.InForce); err != nil {
			return err
		}
		e.Key.StatedAt = ledger.Millis(statedAt)
		copy(e.Key.Content[:], content)
		e.Record.ID, e.Record.Type, e.Record.MSPID = e.Key.ID, e.Key.Type, e.Key.MSPID
		e.Record.StatedAt, e.Record.Content, e.Record.SetAt = e.Key.StatedAt, e.Key.Content, ledger.Millis(setAt)
		e.Record.Body = ledger.BodyDigest(e.Context, e.Body)
		found = append(found, e)
		return nil
	}, `SELECT e.id, e.type, e.msp_id, e.stated_at, e.content, e.set_at, e.tx_id, c.context, e.body, f.id IS NOT NULL FROM elements e
		LEFT JOIN elements_in_force f ON f.id = e.id AND f.type = e.type AND f.msp_id = e.msp_id AND f.stated_at = e.stated_at AND f.content = e.content
		LEFT JOIN contexts c ON c.digest = e.context`+w.String()+` ORDER BY e.id, e.type, e.msp_id, e.stated_at, e.content LIMIT ?`, append(w.args, limit)...)
	return found, s.failed(err)
}

// Describe implements report.MasterData from what is stated and registered on the ledger: the first value of each
// attribute by its name without a namespace, as reports look for it; where several have that, the CBV's counts.
func (r *Reports) Describe(ctx context.Context, id string) (map[string]string, error) {
	v := newMasterView(ctx, r.store.asking())
	said := v.describe(id).attributes
	if v.err != nil || len(said) == 0 {
		return nil, r.store.failed(v.err)
	}
	names := slices.SortedFunc(maps.Keys(said), func(a, b query.Name) int {
		return cmp.Or(cmp.Compare(a.Local, b.Local), cmp.Compare(a.Namespace, b.Namespace))
	})
	about := make(map[string]string, len(names))
	for _, name := range names {
		if _, ok := about[name.Local]; !ok || name.Namespace == mdaNamespace {
			about[name.Local] = said[name][0]
		}
	}
	if _, ok := about[mdaName]; !ok {
		if text := about[mdaProduct]; text != "" {
			about[mdaName] = text
		}
	}
	return about, nil
}
