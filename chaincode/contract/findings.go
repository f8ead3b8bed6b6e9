package contract

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// court settles the findings of a transaction: on each item and account once, when all that the
// transaction records is known.
type court struct {
	*transaction

	book     ledger.Rulebook
	items    map[string]ledger.Digest           // touched, with the event that did last; zero: by a review
	accounts map[ledger.AccountID]ledger.Digest // likewise
	declared map[ledger.Digest]struct{}         // declared in error here
	recorded map[ledger.Digest]int              // events recorded here, with the position of their answers
	subjects map[string]int                     // reviewed items, with the position of their answers
}

func newCourt(t *transaction) *court {
	return &court{
		transaction: t, items: map[string]ledger.Digest{}, accounts: map[ledger.AccountID]ledger.Digest{},
		declared: map[ledger.Digest]struct{}{}, recorded: map[ledger.Digest]int{}, subjects: map[string]int{},
	}
}

func (c *court) touch(epc string, by ledger.Digest) { c.items[epc] = by }

// balanced reports whether a product's owner opted in to accounts of its quantities.
func (c *court) balanced(product string) (bool, error) {
	if !c.book.Products {
		return false, nil
	}
	m, err := c.repository.Master(ledger.MasterProduct, product)
	return m != nil && m.Product.Balance, err
}

// registered appends the keys of the master data that an event's own findings rest on.
func (c *court) registered(keys []string, in ledger.EventInput) ([]string, error) {
	if c.book.Places {
		for _, id := range in.Places {
			for _, k := range ledger.PlaceKeys(id) {
				key, err := wire.MasterKey(ledger.MasterPlace, k)
				if err != nil {
					return nil, err
				}
				keys = append(keys, key)
			}
		}
	}
	if c.book.Products {
		for _, product := range in.Products() {
			key, err := wire.MasterKey(ledger.MasterProduct, product)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// post moves the quantities of a new event between accounts.
func (c *court) post(in ledger.EventInput) error {
	if !c.book.Products || len(in.Amounts) == 0 {
		return nil
	}
	postings, err := in.Postings(c.Actor.MSPID, c.balanced)
	if err != nil {
		return err
	}
	for _, p := range postings {
		account, err := c.repository.Account(p.Account)
		if err != nil {
			return err
		}
		c.repository.PutAccount(p.Account, account.With(p.Move))
		c.accounts[p.Account] = in.Hash
	}
	return nil
}

// withdraw takes an event back that its recorder has declared in error: no rule rests on it any more, and
// the findings on it are closed.
func (c *court) withdraw(in ledger.EventInput) error {
	c.declared[in.Hash] = struct{}{}
	namings := in.EventNamings()
	var keys []string
	for _, part := range in.Items {
		key, err := wire.ItemKey(part.EPC)
		if err != nil {
			return err
		}
		keys = append(keys, key)
		namings = append(namings, in.ItemNamings(part.EPC)...)
	}
	// What was balanced when the event was recorded may not be now.
	always := func(string) (bool, error) { return true, nil }
	postings, err := in.Postings(c.Actor.MSPID, always)
	if err != nil {
		return err
	}
	for _, p := range postings {
		if p.Account.Class == "" {
			continue
		}
		key, err := wire.AccountKey(p.Account)
		if err != nil {
			return err
		}
		keys = append(keys, key)
		namings = append(namings, ledger.Naming{Event: in.Hash, Code: ledger.FindingQuantityImbalance, Item: p.Account.Class})
	}
	if err := c.prefetchFindings(keys, namings); err != nil {
		return err
	}
	for _, part := range in.Items {
		item, err := c.repository.Item(part.EPC)
		if err != nil {
			return err
		}
		c.repository.PutItem(item.WithoutStep(in.Hash))
		c.touch(part.EPC, in.Hash)
	}
	for _, p := range postings {
		account, err := c.repository.Account(p.Account)
		if err != nil {
			return err
		}
		if len(account.Moves) > 0 {
			c.repository.PutAccount(p.Account, account.Without(in.Hash))
			c.accounts[p.Account] = in.Hash
		}
	}
	for _, n := range namings {
		before, err := c.repository.Finding(n)
		if err != nil {
			return err
		}
		if after, changed := ledger.Settle(before, nil, in.Hash, c.Tx); changed {
			if err := c.repository.PutFinding(after); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *court) prefetchFindings(keys []string, namings []ledger.Naming) error {
	for _, n := range namings {
		key, err := wire.NamingKey(n)
		if err != nil {
			return err
		}
		keys = append(keys, key)
	}
	return c.repository.Prefetch(keys)
}

// subject is what a docket is about, with what settles it.
type subject struct {
	docket ledger.Docket
	by     ledger.Digest
	close  func(open []ledger.FindingRef)
}

// settle judges what the transaction touched and records what changes.
func (c *court) settle() error {
	epcs := slices.Sorted(maps.Keys(c.items))
	if err := c.prefetchEvidence(epcs); err != nil {
		return err
	}
	subjects := make([]subject, 0, 8)
	for _, epc := range epcs {
		item, err := c.repository.Item(epc)
		if err != nil {
			return err
		}
		now, err := item.Judge(c.book, c.repository, c.Time)
		if err != nil {
			return err
		}
		if len(now)+len(item.Open) == 0 {
			continue
		}
		subjects = append(subjects, subject{item.Docket(now, c.isDeclared), c.items[epc], func(open []ledger.FindingRef) {
			item.Open = item.InSight(open)
			c.repository.PutItem(item)
		}})
	}
	for _, id := range slices.SortedFunc(maps.Keys(c.accounts), ledger.AccountID.Compare) {
		account, err := c.repository.Account(id)
		if err != nil {
			return err
		}
		docket := account.Docket(id, c.isDeclared)
		docket.Elsewhere = func(event ledger.Digest) (*ledger.Finding, error) { return c.elsewhere(id, event) }
		if len(docket.Now)+len(docket.Open) == 0 {
			continue
		}
		subjects = append(subjects, subject{docket, c.accounts[id], func(open []ledger.FindingRef) {
			account.Open = account.InSight(open)
			c.repository.PutAccount(id, account)
		}})
	}
	return c.close(subjects)
}

// elsewhere gives what an event's quantities of a class do not balance in, in the least unit but the
// account's; nil if they do in all of them.
func (c *court) elsewhere(account ledger.AccountID, event ledger.Digest) (least *ledger.Finding, err error) {
	for id := account; ; {
		a, err := c.repository.Account(id)
		if err != nil {
			return nil, err
		}
		next, ok := a.Next(event)
		if !ok || next == account.UOM {
			return least, nil
		}
		id.UOM = next
		if a, err = c.repository.Account(id); err != nil {
			return nil, err
		}
		found := a.Judge(id)
		if i := slices.IndexFunc(found, func(f ledger.Finding) bool { return f.Event == event }); i >= 0 && (least == nil || found[i].Unit < least.Unit) {
			least = &found[i]
		}
	}
}

func (c *court) isDeclared(event ledger.Digest) bool {
	_, ok := c.declared[event]
	return ok
}

// prefetchEvidence reads in bulk what the rules will ask for.
func (c *court) prefetchEvidence(epcs []string) error {
	var keys []string
	var err error
	add := func(key string, failed error) {
		if err = cmpError(err, failed); err == nil {
			keys = append(keys, key)
		}
	}
	for _, epc := range epcs {
		item, failed := c.repository.Item(epc)
		if failed != nil {
			return failed
		}
		places, lanes, items := item.Wants(c.book)
		for _, id := range places {
			add(wire.MasterKey(ledger.MasterPlace, id))
		}
		for _, l := range lanes {
			add(wire.MasterKey(ledger.MasterLane, l[0], l[1]))
		}
		for _, other := range items {
			add(wire.ItemKey(other))
		}
	}
	if err != nil {
		return err
	}
	return c.repository.Prefetch(keys)
}

func cmpError(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// close settles the dockets.
func (c *court) close(subjects []subject) error {
	var namings []ledger.Naming
	for _, s := range subjects {
		for _, ref := range s.docket.Refs() {
			namings = append(namings, ledger.Naming{Event: ref.Event, Code: ref.Code, Item: s.docket.Item})
		}
	}
	if err := c.prefetchFindings(nil, namings); err != nil {
		return err
	}
	for _, s := range subjects {
		recorded := func(ref ledger.FindingRef) (*ledger.Finding, error) {
			return c.repository.Finding(ledger.Naming{Event: ref.Event, Code: ref.Code, Item: s.docket.Item})
		}
		changed, open, err := s.docket.Settle(recorded, s.by, c.Tx)
		if err != nil {
			return err
		}
		for _, f := range changed {
			if err := c.rule(f, s.by); err != nil {
				return err
			}
		}
		s.close(open)
	}
	return nil
}

// rule records a change of a finding. One that is raised goes with the answer of its event, or of the
// event whose recording showed it, and on that event's record.
func (c *court) rule(f ledger.Finding, by ledger.Digest) error {
	if err := c.repository.PutFinding(f); err != nil {
		return err
	}
	if at, ok := c.subjects[f.Item]; ok {
		c.answers[at].Findings = append(c.answers[at].Findings, f)
		return nil
	}
	if f.Change != ledger.FindingRaised {
		return nil
	}
	for _, event := range []ledger.Digest{f.Event, f.Other, by} {
		at, ok := c.recorded[event]
		if !ok {
			continue
		}
		c.answers[at].Findings = append(c.answers[at].Findings, f)
		record, err := c.repository.Event(event)
		if err != nil {
			return err
		}
		record.Findings = unique(append(slices.Clone(record.Findings), string(f.Code)))
		return c.repository.MarkEvent(event, *record)
	}
	return nil
}

// Review judges the items and events of a wire.ReviewBatch again and answers each for itself: recorded
// if a finding on it changed, else a duplicate. It needs the role recorder and changes nothing but
// findings: what is overdue by the transaction's time is raised, and what no longer holds by what is
// recorded or registered meanwhile is closed.
func (c *Traceability) Review(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleRecorder)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeReviewBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	events := 0
	for _, s := range in.Subjects {
		if s.Item == "" {
			events++
		}
	}
	if events > ledger.MaxReviewEvents {
		return nil, coded(fmt.Errorf("%w: %d events to review, at most %d are allowed", ledger.ErrTooLarge, events, ledger.MaxReviewEvents))
	}
	court := newCourt(t)
	t.answers = make([]wire.Answer, len(in.Subjects))
	if err = court.reviewItems(in.Subjects); err != nil {
		return nil, coded(err)
	}
	if err = court.settle(); err != nil {
		return nil, coded(err)
	}
	for i, s := range in.Subjects {
		if s.Item != "" {
			continue
		}
		if t.answers[i], err = court.reviewEvent(s.Event); err != nil {
			return nil, coded(err)
		}
	}
	for i := range t.answers {
		a := &t.answers[i]
		if a.Status == ledger.StatusDuplicate && len(a.Findings) > 0 {
			a.Status, a.RecordedIn = ledger.StatusRecorded, ""
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

// reviewItems answers each item with the transaction of its last event, and puts it before the court.
func (c *court) reviewItems(subjects []wire.ReviewSubject) error {
	keys := []string{wire.RulebookKey()}
	for _, s := range subjects {
		if key, err := wire.ItemKey(s.Item); err == nil && s.Item != "" {
			keys = append(keys, key)
		} else {
			keys = append(keys, wire.EventKey(s.Event))
		}
	}
	if err := c.repository.Prefetch(keys); err != nil {
		return err
	}
	var err error
	if c.book, err = c.repository.Rulebook(); err != nil {
		return err
	}
	keys = keys[:0]
	for i, s := range subjects {
		if s.Item == "" {
			continue
		}
		item, err := c.repository.Item(s.Item)
		switch {
		case err == nil && item.LastEvent.IsZero():
			err = fmt.Errorf("%w: item %.200s; items are named by their canonical EPC", ledger.ErrUnknown, s.Item)
		case err == nil:
			keys = append(keys, wire.EventKey(item.LastEvent))
			c.touch(s.Item, ledger.Digest{})
			if _, again := c.subjects[s.Item]; !again {
				c.subjects[s.Item] = i
			}
			c.answers[i] = wire.Answer{Status: ledger.StatusDuplicate, Digest: item.LastEvent}
			continue
		}
		if !refusal(err) {
			return err
		}
		c.answers[i] = refused(err, ledger.Digest{})
	}
	if err := c.repository.Prefetch(keys); err != nil {
		return err
	}
	for i := range c.answers {
		a := &c.answers[i]
		if a.Status != ledger.StatusDuplicate {
			continue
		}
		record, err := c.repository.Event(a.Digest)
		if err != nil {
			return err
		}
		if record == nil {
			return fmt.Errorf("event %s of an item is not recorded", a.Digest)
		}
		a.RecordedIn = record.TxID
	}
	return nil
}

// reviewEvent judges an event by itself again.
func (c *court) reviewEvent(hash ledger.Digest) (wire.Answer, error) {
	record, err := c.repository.Event(hash)
	if err == nil && record == nil {
		return refused(fmt.Errorf("%w: event %s", ledger.ErrUnknown, hash), hash), nil
	}
	if err != nil {
		return wire.Answer{}, err
	}
	answer := wire.Answer{Status: ledger.StatusDuplicate, Digest: hash, RecordedIn: record.TxID}
	in, err := eventOf(c.repository, *record)
	if err != nil {
		return answer, err
	}
	namings := in.EventNamings()
	keys, err := c.registered(nil, in)
	if err != nil {
		return answer, err
	}
	if err = c.prefetchFindings(keys, namings); err != nil {
		return answer, err
	}
	found, err := ledger.JudgeEvent(in, *record, c.book, c.repository, c.balanced)
	if err != nil {
		return answer, err
	}
	for _, n := range namings {
		before, err := c.repository.Finding(n)
		if err != nil {
			return answer, err
		}
		var now *ledger.Finding
		if i := slices.IndexFunc(found, func(f ledger.Finding) bool { return f.Naming() == n }); i >= 0 {
			now = &found[i]
		}
		after, changed := ledger.Settle(before, now, ledger.Digest{}, c.Tx)
		if !changed {
			continue
		}
		if err := c.repository.PutFinding(after); err != nil {
			return answer, err
		}
		answer.Findings = append(answer.Findings, after)
	}
	return answer, nil
}

// eventOf reads a recorded event back from its body.
func eventOf(repository *state.Repository, record ledger.EventRecord) (ledger.EventInput, error) {
	entry, err := repository.EventBody(record)
	if err != nil {
		return ledger.EventInput{}, err
	}
	context, err := epcis.ParseContext(entry.Context)
	if err != nil {
		return ledger.EventInput{}, err
	}
	return ledger.ReadEvent(context, entry.Context, entry.Body)
}

// GetFinding gives the ledger.Finding of an event hash, a code and an item, which is empty for a finding
// on the event by itself.
func (*Traceability) GetFinding(ctx contractapi.TransactionContextInterface, event, code, item string) ([]byte, error) {
	id, err := epcis.ParseHash(event)
	if err != nil {
		return nil, coded(err)
	}
	finding, err := state.New(ctx.GetStub()).Finding(ledger.Naming{Event: ledger.Digest(id), Code: ledger.FindingCode(code), Item: item})
	if err == nil && finding == nil {
		err = fmt.Errorf("%w: a finding %.60s on event %s and item %.200s", ledger.ErrUnknown, code, ledger.Digest(id), item)
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(*finding)
	return out, coded(err)
}
