package ledger

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/epcis"
)

// MasterKind is what a master datum describes.
type MasterKind string

// The kinds.
const (
	MasterPrefix  MasterKind = "prefix"
	MasterPlace   MasterKind = "place"
	MasterProduct MasterKind = "product"
	MasterLane    MasterKind = "lane"
	MasterRules   MasterKind = "rules"
)

// MasterKinds lists the kinds, those first that others rest on.
func MasterKinds() []MasterKind {
	return []MasterKind{MasterPrefix, MasterPlace, MasterProduct, MasterLane, MasterRules}
}

// MasterDatum is a version of a prefix, place, product, lane or of the rules: exactly one of the five.
type MasterDatum struct {
	Version uint32   `cbor:"1,keyasint"` // from 1 without gaps; the earlier ones stay readable
	Prefix  *Prefix  `cbor:"2,keyasint,omitempty"`
	Place   *Place   `cbor:"3,keyasint,omitempty"`
	Product *Product `cbor:"4,keyasint,omitempty"`
	Lane    *Lane    `cbor:"5,keyasint,omitempty"`
	Rules   *Rules   `cbor:"6,keyasint,omitempty"`
	// What follows is set by the contract.
	Owner string `cbor:"7,keyasint,omitempty"` // MSP ID of who may register the next version; empty for rules
	SetBy string `cbor:"8,keyasint,omitempty"` // MSP ID
	SetAt Millis `cbor:"9,keyasint,omitempty"`
	TxID  string `cbor:"10,keyasint,omitempty"`
	// Approvals are the organisations that registered the same version of the rules, ascending.
	Approvals []string `cbor:"11,keyasint,omitempty"`
	// Pending tells that the rules wait for more approvals.
	Pending bool `cbor:"12,keyasint,omitempty"`
}

// Prefix is an organisation's claim of a GS1 company prefix: what bears it is the organisation's to
// register. The first claim counts, until its holder hands the prefix over, or a majority of the rules'
// keepers gives it to another organisation: a claim is a word, and the contract cannot ask GS1.
type Prefix struct {
	Prefix string `cbor:"1,keyasint"` // 4 to 12 digits
	// To is the organisation that the prefix is handed over or given to; empty in a claim.
	To string `cbor:"2,keyasint,omitempty"`
}

// Place is a location: what stands in readPoint, bizLocation, source or destination.
type Place struct {
	ID        string   `cbor:"1,keyasint"` // canonical: Digital Link of an SGLN or PGLN, or another URI
	Name      string   `cbor:"2,keyasint,omitempty"`
	Position  *LatLon  `cbor:"3,keyasint,omitempty"` // nil: unknown
	Operators []string `cbor:"4,keyasint,omitempty"` // MSP IDs beside the owner whose events may name it, ascending
	Steps     []string `cbor:"5,keyasint,omitempty"` // business steps that may happen there, ascending; empty: every one
}

// LatLon is a position in WGS 84, in millionths of a degree.
type LatLon struct {
	Lat int32 `cbor:"1,keyasint"` // north, -90,000,000 to 90,000,000
	Lon int32 `cbor:"2,keyasint"` // east, -180,000,000 to 180,000,000
}

// Product is a class of trade items.
type Product struct {
	ID   string `cbor:"1,keyasint"` // https://id.gs1.org/01/<gtin14>
	Name string `cbor:"2,keyasint,omitempty"`
	// Balance opts in to accounts of the quantities of its lots and of the mass in transformations.
	Balance bool `cbor:"3,keyasint,omitempty"`
}

// Lane is a way that goods take between two places.
type Lane struct {
	From     string `cbor:"1,keyasint"` // canonical place
	To       string `cbor:"2,keyasint"`
	Name     string `cbor:"3,keyasint,omitempty"`
	Window   Millis `cbor:"4,keyasint,omitempty"` // a shipping must be received within; 0: that of the rules
	MaxSpeed int64  `cbor:"5,keyasint,omitempty"` // metres an hour, great circle over time; 0: that of the rules
}

// Rules are what the network as a whole has agreed on; nothing is switched on without them.
type Rules struct {
	// Keepers are the organisations whose majority changes the rules, ascending. Version 1 needs no
	// majority: there are no keepers yet.
	Keepers        []string `cbor:"1,keyasint"`
	Window         Millis   `cbor:"2,keyasint,omitempty"` // of shippings on no registered lane; 0: none
	MaxSpeed       int64    `cbor:"3,keyasint,omitempty"` // metres an hour, on no registered lane; 0: none
	EventBehind    Millis   `cbor:"4,keyasint,omitempty"` // an event may be that much older than its recording; 0: any age
	EventAhead     Millis   `cbor:"5,keyasint,omitempty"` // an event may be that much later than its recording; 0: what MaxSkew allows
	StrictPlaces   bool     `cbor:"6,keyasint,omitempty"` // every place of an event must be registered
	StrictReceipts bool     `cbor:"7,keyasint,omitempty"` // also an item without any history must be shipped before it is received
}

// Rulebook is what every transaction that records events reads: the rules in force and which kinds of
// master data the network has, so that the rest is not looked for in vain.
type Rulebook struct {
	Version  uint32 `cbor:"1,keyasint,omitempty"` // of the rules; 0: none
	Rules    Rules  `cbor:"2,keyasint"`
	Places   bool   `cbor:"3,keyasint,omitempty"`
	Products bool   `cbor:"4,keyasint,omitempty"`
	Lanes    bool   `cbor:"5,keyasint,omitempty"`
	Prefixes bool   `cbor:"6,keyasint,omitempty"`
}

// Limits of master data.
const (
	MaxBatchMaster     = 500
	MaxNameBytes       = 200
	MaxPlaceOperators  = 64
	MaxPlaceSteps      = 64
	MaxRulesKeepers    = 64
	MaxSpeedLimit      = 100_000_000 // metres an hour: beyond what flies
	minPrefixDigits    = 4
	maxPrefixDigits    = 12
	maxMicroLat        = 90_000_000
	maxMicroLon        = 180_000_000
	placeGLN           = "https://id.gs1.org/414/"
	partyGLN           = "https://id.gs1.org/417/"
	placeExtension     = "/254/"
	rulesID            = "rules"
	maxMasterWindow    = tenYears
	maxOrganisationLen = 128
)

// Kind tells which of the five the datum is; empty if it is none or several.
func (m MasterDatum) Kind() MasterKind {
	return sole([]alternative[MasterKind]{
		{m.Prefix != nil, MasterPrefix},
		{m.Place != nil, MasterPlace},
		{m.Product != nil, MasterProduct},
		{m.Lane != nil, MasterLane},
		{m.Rules != nil, MasterRules},
	})
}

// ID names what the datum describes among those of its kind: one part, or two for a lane (from and to).
func (m MasterDatum) ID() []string {
	switch m.Kind() {
	case MasterPrefix:
		return []string{m.Prefix.Prefix}
	case MasterPlace:
		return []string{m.Place.ID}
	case MasterProduct:
		return []string{m.Product.ID}
	case MasterLane:
		return []string{m.Lane.From, m.Lane.To}
	case MasterRules:
		return []string{rulesID}
	}
	return nil
}

// Stated drops what the contract sets.
func (m MasterDatum) Stated() MasterDatum {
	m.Owner, m.SetBy, m.SetAt, m.TxID, m.Approvals, m.Pending = "", "", 0, "", nil, false
	return m
}

// CheckMaster holds what can be said of a datum by itself.
func CheckMaster(m MasterDatum) error {
	if m.Version == 0 {
		return refuse(ErrSchema, "versions begin at 1")
	}
	switch m.Kind() {
	case MasterPrefix:
		if !isDigits(m.Prefix.Prefix, minPrefixDigits, maxPrefixDigits) {
			return refuse(ErrSchema, "a GS1 company prefix is of %d to %d digits, not %.40q", minPrefixDigits, maxPrefixDigits, m.Prefix.Prefix)
		}
		if m.Version > 1 && m.Prefix.To == "" {
			return refuse(ErrSchema, "version 1 claims a prefix for the organisation that registers it; a later one hands it over to another")
		}
		return checkOrganisations("the new holder", nonEmpty(m.Prefix.To), 1)
	case MasterPlace:
		return checkPlace(*m.Place)
	case MasterProduct:
		if !isGTINClass(m.Product.ID) {
			return refuse(ErrSchema, "product %.200q is not %s and a GTIN of 14 digits with its check digit", m.Product.ID, classStart)
		}
		return checkName(m.Product.Name)
	case MasterLane:
		return checkLane(*m.Lane)
	case MasterRules:
		return checkRules(*m.Rules)
	}
	return refuse(ErrSchema, "a datum is one of prefix, place, product, lane and rules")
}

func checkPlace(p Place) error {
	if err := checkCanonical("place", p.ID); err != nil {
		return err
	}
	if p.Position != nil && (p.Position.Lat < -maxMicroLat || p.Position.Lat > maxMicroLat || p.Position.Lon < -maxMicroLon || p.Position.Lon > maxMicroLon) {
		return refuse(ErrSchema, "position %d, %d; latitudes are within 90 and longitudes within 180 degrees, in millionths", p.Position.Lat, p.Position.Lon)
	}
	if err := checkOrganisations("operators", p.Operators, MaxPlaceOperators); err != nil {
		return err
	}
	if len(p.Steps) > MaxPlaceSteps {
		return refuse(ErrTooLarge, "%d business steps, at most %d are allowed", len(p.Steps), MaxPlaceSteps)
	}
	for i, step := range p.Steps {
		if step == "" || len(step) > MaxRegisterBytes || !printable(step) || i > 0 && step <= p.Steps[i-1] {
			return refuse(ErrSchema, "business steps are bare CBV words or URIs of at most %d bytes, ascending, once each", MaxRegisterBytes)
		}
	}
	return checkName(p.Name)
}

func checkLane(l Lane) error {
	for _, id := range []string{l.From, l.To} {
		if err := checkCanonical("place", id); err != nil {
			return err
		}
	}
	switch {
	case l.From == l.To:
		return refuse(ErrSchema, "a lane leads to another place")
	case l.Window < 0 || l.Window > maxMasterWindow:
		return refuse(ErrSchema, "a window of %d ms; windows are from 0 to ten years", l.Window)
	case l.MaxSpeed < 0 || l.MaxSpeed > MaxSpeedLimit:
		return refuse(ErrSchema, "a speed of %d metres an hour; speeds are from 0 to %d", l.MaxSpeed, MaxSpeedLimit)
	}
	return checkName(l.Name)
}

func checkRules(r Rules) error {
	if len(r.Keepers) == 0 {
		return refuse(ErrSchema, "rules name the organisations whose majority changes them")
	}
	for _, span := range []Millis{r.Window, r.EventBehind, r.EventAhead} {
		if span < 0 || span > maxMasterWindow {
			return refuse(ErrSchema, "a span of %d ms; spans are from 0 to ten years", span)
		}
	}
	if r.MaxSpeed < 0 || r.MaxSpeed > MaxSpeedLimit {
		return refuse(ErrSchema, "a speed of %d metres an hour; speeds are from 0 to %d", r.MaxSpeed, MaxSpeedLimit)
	}
	return checkOrganisations("keepers", r.Keepers, MaxRulesKeepers)
}

func checkName(name string) error {
	if len(name) > MaxNameBytes || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return refuse(ErrSchema, "a name is of at most %d bytes of text without control characters", MaxNameBytes)
	}
	return nil
}

func checkOrganisations(what string, ids []string, limit int) error {
	if len(ids) > limit {
		return refuse(ErrTooLarge, "%d %s, at most %d are allowed", len(ids), what, limit)
	}
	before := ""
	for _, id := range ids {
		if id <= before || len(id) > maxOrganisationLen || !printable(id) {
			return refuse(ErrSchema, "%s are MSP IDs, ascending, once each", what)
		}
		before = id
	}
	return nil
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func isDigits(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// CanonicalPlace spells a place as the ledger names it.
func CanonicalPlace(id string) string {
	if canonical, err := epcis.CanonicalEPC(id); err == nil {
		return canonical
	}
	return id
}

// PlaceKeys lists under which ids a place may be registered: its own, and that of the location that it
// is a part of, whose registration covers it.
func PlaceKeys(id string) []string {
	if rest, ok := strings.CutPrefix(id, placeGLN); ok {
		if gln, _, part := strings.Cut(rest, placeExtension); part {
			return []string{id, placeGLN + gln}
		}
	}
	return []string{id}
}

// PrefixesOf lists the company prefixes that an identifier of a place or product may bear, the longest first;
// none if it is no GS1 identifier. It is not written in an identifier how long its prefix is.
func PrefixesOf(id string) []string {
	var digits string
	switch {
	case strings.HasPrefix(id, classStart):
		digits = strings.TrimPrefix(id, classStart)
		if len(digits) != 14 {
			return nil
		}
		digits = digits[1:13] // without the indicator and the check digit
	case strings.HasPrefix(id, placeGLN), strings.HasPrefix(id, partyGLN):
		digits, _, _ = strings.Cut(id[len(placeGLN):], "/")
		if len(digits) != 13 {
			return nil
		}
		digits = digits[:12]
	default:
		return nil
	}
	var out []string
	for n := maxPrefixDigits; n >= minPrefixDigits; n-- {
		out = append(out, digits[:n])
	}
	return out
}

// MasterView is what the ledger holds that bears on a datum.
type MasterView struct {
	Recorded *MasterDatum // this version, if any; of rules the one in force or waiting with the same content
	Latest   *MasterDatum // the latest version in force, if any
	// Holder gives who holds a company prefix, empty if nobody does.
	Holder func(prefix string) (string, error)
	// Place gives the latest version of a place, nil if it is not registered.
	Place func(id string) (*MasterDatum, error)
	// Waiting is the version of the rules, or of a prefix, with this content that waits for approvals, if any.
	Waiting *MasterDatum
	// Keepers are those of the rules in force, ascending; none without rules.
	Keepers []string
}

// MasterDecision is what becomes of a datum.
type MasterDecision struct {
	Status Status
	Datum  MasterDatum // to be written when recorded, as pending or in force; else the recorded one
}

// DecideMaster decides on a datum that CheckMaster passed. A version is written once and follows the
// one before. A prefix is its first claimant's until it hands it
// over or a majority of the rules' keepers gives it to another; a GS1 place or product belongs to
// the holder of its prefix, another place to who registered it first, a lane to the owner of the place
// that it begins at, and the rules to the majority of their keepers.
func DecideMaster(m MasterDatum, view MasterView, tx Tx) (MasterDecision, error) {
	if view.Recorded != nil {
		if !SameMaster(*view.Recorded, m) {
			return MasterDecision{}, refuse(ErrConflict, "version %d is registered with other content; register version %d", m.Version, view.Latest.Version+1)
		}
		return MasterDecision{Status: StatusDuplicate, Datum: *view.Recorded}, nil
	}
	next := uint32(1)
	if view.Latest != nil {
		next = view.Latest.Version + 1
	}
	if m.Version != next {
		return MasterDecision{}, refuse(ErrConflict, "the next version is %d, not %d", next, m.Version)
	}
	m = m.Stated()
	m.SetBy, m.SetAt, m.TxID = tx.Actor.MSPID, tx.Time, tx.ID
	if m.Kind() == MasterRules {
		return decideRules(m, view, tx)
	}
	owner, err := masterOwner(m, view, tx)
	if err != nil {
		return MasterDecision{}, err
	}
	given := m.Prefix != nil && m.Prefix.To != ""
	switch {
	case given && (owner != tx.Actor.MSPID || m.Version == 1):
		return decideGift(m, owner, view, tx)
	case owner != tx.Actor.MSPID:
		return MasterDecision{}, refuse(ErrUnauthorised, "the %s is %s's to register", m.Kind(), owner)
	}
	m.Owner = owner
	if given {
		m.Owner = m.Prefix.To
	}
	return MasterDecision{Status: StatusRecorded, Datum: m}, nil
}

// decideGift counts the keepers of the rules who give a prefix to an organisation, whoever holds it or the
// prefix that it is a part of.
func decideGift(m MasterDatum, owner string, view MasterView, tx Tx) (MasterDecision, error) {
	if _, keeper := slices.BinarySearch(view.Keepers, tx.Actor.MSPID); !keeper {
		return MasterDecision{}, refuse(ErrUnauthorised, "the prefix is %s's to register; more than half of the rules' keepers (%s) may give it to another organisation",
			owner, strings.Join(view.Keepers, ", "))
	}
	m, again := m.approved(view, tx)
	if again {
		return MasterDecision{Status: StatusDuplicate, Datum: *view.Waiting}, nil
	}
	if m.Pending = 2*len(m.Approvals) <= len(view.Keepers); !m.Pending {
		m.Owner = m.Prefix.To
	}
	return MasterDecision{Status: StatusRecorded, Datum: m}, nil
}

// approved adds the actor to those who registered the same; again tells that it did before.
func (m MasterDatum) approved(view MasterView, tx Tx) (_ MasterDatum, again bool) {
	if view.Waiting != nil {
		m.Approvals = slices.Clone(view.Waiting.Approvals)
	}
	i, again := slices.BinarySearch(m.Approvals, tx.Actor.MSPID)
	if !again {
		m.Approvals = slices.Insert(m.Approvals, i, tx.Actor.MSPID)
	}
	return m, again
}

// masterOwner tells whose a datum is to register.
func masterOwner(m MasterDatum, view MasterView, tx Tx) (string, error) {
	switch m.Kind() {
	case MasterPrefix:
		if view.Latest != nil {
			return view.Latest.Owner, nil
		}
		// Part of a prefix that is held already is its holder's.
		for n := len(m.Prefix.Prefix) - 1; n >= minPrefixDigits; n-- {
			if holder, err := view.Holder(m.Prefix.Prefix[:n]); err != nil || holder != "" {
				return holder, err
			}
		}
		return tx.Actor.MSPID, nil
	case MasterPlace:
		return ownerOf(m.Place.ID, view, tx)
	case MasterProduct:
		return ownerOf(m.Product.ID, view, tx)
	case MasterLane:
		from, err := view.Place(m.Lane.From)
		if err != nil {
			return "", err
		}
		if from == nil {
			return "", refuse(ErrUnknown, "place %s, where the lane begins, is not registered", m.Lane.From)
		}
		return from.Owner, nil
	case MasterRules:
	}
	return "", refuse(ErrSchema, "no owner")
}

func ownerOf(id string, view MasterView, tx Tx) (string, error) {
	prefixes := PrefixesOf(id)
	if len(prefixes) == 0 {
		if view.Latest != nil {
			return view.Latest.Owner, nil
		}
		return tx.Actor.MSPID, nil
	}
	if holder, err := HolderOf(id, view.Holder); err != nil || holder != "" {
		return holder, err
	}
	return "", refuse(ErrUnauthorised, "nobody holds the company prefix of %s; claim it first", id)
}

// HolderOf tells which organisation holds the company prefix of a product or place, empty if nobody
// does; holder gives who holds a prefix. The longest prefix that is held counts.
func HolderOf(id string, holder func(prefix string) (string, error)) (string, error) {
	for _, prefix := range PrefixesOf(id) {
		if h, err := holder(prefix); err != nil || h != "" {
			return h, err
		}
	}
	return "", nil
}

// decideRules counts the approvals of a version of the rules: it is in force once a majority of the keepers
// of the version before has registered the same.
func decideRules(m MasterDatum, view MasterView, tx Tx) (MasterDecision, error) {
	if view.Latest == nil {
		m.Approvals = []string{tx.Actor.MSPID}
		return MasterDecision{Status: StatusRecorded, Datum: m}, nil
	}
	keepers := view.Keepers
	if _, keeper := slices.BinarySearch(keepers, tx.Actor.MSPID); !keeper {
		return MasterDecision{}, refuse(ErrUnauthorised, "the rules are kept by %s", strings.Join(keepers, ", "))
	}
	m, again := m.approved(view, tx)
	if again {
		return MasterDecision{Status: StatusDuplicate, Datum: *view.Waiting}, nil
	}
	m.Pending = 2*len(m.Approvals) <= len(keepers)
	return MasterDecision{Status: StatusRecorded, Datum: m}, nil
}

// SameMaster reports whether two data state the same, in the same version.
func SameMaster(a, b MasterDatum) bool {
	if a.Version != b.Version || a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case MasterPrefix:
		return *a.Prefix == *b.Prefix
	case MasterPlace:
		p, q := a.Place, b.Place
		return p.ID == q.ID && p.Name == q.Name && (p.Position == nil) == (q.Position == nil) &&
			(p.Position == nil || *p.Position == *q.Position) && slices.Equal(p.Operators, q.Operators) && slices.Equal(p.Steps, q.Steps)
	case MasterProduct:
		return *a.Product == *b.Product
	case MasterLane:
		return *a.Lane == *b.Lane
	case MasterRules:
		return sameRules(*a.Rules, *b.Rules)
	}
	return false
}

func sameRules(a, b Rules) bool {
	keepers := slices.Equal(a.Keepers, b.Keepers)
	return keepers && a.Window == b.Window && a.MaxSpeed == b.MaxSpeed && a.EventBehind == b.EventBehind &&
		a.EventAhead == b.EventAhead && a.StrictPlaces == b.StrictPlaces && a.StrictReceipts == b.StrictReceipts
}

// Shelve notes in the rulebook that a datum is in force.
func (r Rulebook) Shelve(m MasterDatum) Rulebook {
	switch m.Kind() {
	case MasterPrefix:
		r.Prefixes = true
	case MasterPlace:
		r.Places = true
	case MasterProduct:
		r.Products = true
	case MasterLane:
		r.Lanes = true
	case MasterRules:
		r.Rules, r.Version = *m.Rules, m.Version
	}
	return r
}
