package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"
)

// DefaultDir is the state folder of the command when none is named.
const DefaultDir = ".waybill/network"

const stateVersion = 1

// markerName marks a folder as one in which this package may make and remove its entries.
const markerName = ".waybill-network"

// paths names the files of a state folder.
type paths struct{ dir string }

func (p paths) marker() string            { return filepath.Join(p.dir, markerName) }
func (p paths) topology() string          { return filepath.Join(p.dir, "topology.yaml") }
func (p paths) state() string             { return filepath.Join(p.dir, "state.json") }
func (p paths) status() string            { return filepath.Join(p.dir, "status.json") }
func (p paths) lock() string              { return filepath.Join(p.dir, "supervisor.lock") }
func (p paths) issueLock() string         { return filepath.Join(p.dir, "issue.lock") }
func (p paths) orgs() string              { return filepath.Join(p.dir, "orgs") }
func (p paths) org(name string) orgLayout { return orgLayout{root: filepath.Join(p.orgs(), name)} }
func (p paths) genesis() string           { return filepath.Join(p.dir, "genesis.block") }
func (p paths) nodes() string             { return filepath.Join(p.dir, "nodes") }
func (p paths) node(name string) string   { return filepath.Join(p.nodes(), name) }
func (p paths) data(name string) string   { return filepath.Join(p.node(name), "data") }
func (p paths) logs() string              { return filepath.Join(p.dir, "logs") }
func (p paths) log(name string) string    { return filepath.Join(p.logs(), name+".log") }
func (p paths) profiles() string          { return filepath.Join(p.dir, "profiles") }
func (p paths) builder() string           { return filepath.Join(p.dir, "ccbuilder") }
func (p paths) bin() string               { return filepath.Join(p.dir, "bin") }
func (p paths) profile(org string) string { return filepath.Join(p.profiles(), org+".yaml") }

// entries are the names this package makes in a state folder. Other programs may keep theirs beside them.
func (p paths) entries() []string {
	return []string{
		"topology.yaml", "state.json", "status.json", "supervisor.lock", "issue.lock", "orgs", "genesis.block",
		"nodes", "logs", "profiles", "ccbuilder", "bin", "configtx.yaml", markerName,
	}
}

// ProfilePath is where the profile of an organisation lies in a state folder.
func ProfilePath(dir, org string) string { return paths{dir}.profile(org) }

// state is what a network keeps besides its topology and certificates.
type state struct {
	Version int            `json:"version"`
	Created time.Time      `json:"created"`
	Ports   map[string]int `json:"ports"`
}

func absolute(dir string) (paths, error) {
	if dir == "" {
		dir = DefaultDir
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return paths{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	return paths{abs}, nil
}

// loadState reads topology and state of a folder; fs.ErrNotExist where no network was made yet.
func loadState(p paths) (*Topology, state, error) {
	raw, err := os.ReadFile(p.state())
	if err != nil {
		return nil, state{}, err
	}
	var s state
	if err = json.Unmarshal(raw, &s); err != nil {
		return nil, state{}, fmt.Errorf("%w: %s: %w", ErrState, p.state(), err)
	}
	if s.Version != stateVersion {
		return nil, state{}, fmt.Errorf("%w: %s is of version %d, this program reads %d", ErrState, p.state(), s.Version, stateVersion)
	}
	raw, err = os.ReadFile(p.topology())
	if errors.Is(err, fs.ErrNotExist) { // not as if no network had been made
		return nil, state{}, fmt.Errorf("%w: %s is missing", ErrState, p.topology())
	}
	if err != nil {
		return nil, state{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	t, err := parseTopology(p.topology()+": ", raw)
	if err != nil {
		return nil, state{}, err
	}
	missing := false
	for _, e := range t.endpoints() {
		if s.Ports[e.key()] == 0 {
			if !e.external {
				return nil, state{}, fmt.Errorf("%w: %s has no port for %s", ErrState, p.state(), e.key())
			}
			missing = true
		}
	}
	if missing { // an API server of a newer version listens on more
		with := t.clone()
		with.Ports = s.Ports
		if s.Ports, err = choosePorts(with); err != nil {
			return nil, state{}, err
		}
	}
	return t, s, nil
}

// hasNoLedger refuses to go on without a file that a ledger cannot be used without, rather than to begin a new one in its place.
func hasNoLedger(p paths, missing string) error {
	nodes, err := os.ReadDir(p.nodes())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	for _, node := range nodes {
		if _, err := os.Stat(p.data(node.Name())); err == nil {
			return fmt.Errorf("%w: %s is missing, and %s has a ledger; bring it back, or give the ledger up with `waybill network clean`", ErrState, missing, node.Name())
		}
	}
	return nil
}

// loadMade is loadState where a network must have been made.
func loadMade(p paths) (*Topology, state, error) {
	t, s, err := loadState(p)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: no network was made in %s yet; `waybill network up` makes one", ErrState, p.dir)
	}
	return t, s, err
}

// prepare makes folder, certificates and ports of a new network, or loads those of an old one.
// The state file is written last: without it nothing ran here yet, and all is made anew.
func prepare(p paths, want *Topology, now time.Time) (*Topology, state, error) {
	have, s, err := loadState(p)
	switch {
	case err == nil:
		if want != nil && !sameTopology(have, want) {
			return nil, state{}, otherTopology(p)
		}
		return have, s, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, state{}, err
	}
	if err = hasNoLedger(p, p.state()); err != nil {
		return nil, state{}, err
	}
	if want == nil {
		if want, err = LoadTopology("default"); err != nil {
			return nil, state{}, err
		}
	}
	want = want.clone()
	if err = want.Validate(); err != nil {
		return nil, state{}, err
	}
	if err = claim(p); err != nil {
		return nil, state{}, err
	}
	for _, stale := range []string{p.orgs(), p.nodes(), p.genesis(), p.profiles()} {
		if err = os.RemoveAll(stale); err != nil {
			return nil, state{}, fmt.Errorf("%w: %w", ErrState, err)
		}
	}
	ports, err := choosePorts(want)
	if err != nil {
		return nil, state{}, err
	}
	s = state{Version: stateVersion, Created: now.UTC(), Ports: ports}
	raw, err := yaml.Marshal(want)
	if err != nil {
		return nil, state{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	if err := errors.Join(writeFile(p.topology(), raw), writeMaterial(want, p.orgs(), now)); err != nil {
		return nil, state{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	return want, s, nil
}

func saveState(p paths, s state) error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(p.state(), append(raw, '\n'))
}

// claim marks the folder as ours. It refuses one that holds entries of our names but not our mark.
func claim(p paths) error {
	if err := ours(p); err != nil {
		return err
	}
	if err := writeFile(p.marker(), nil); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

func ours(p paths) error {
	if _, err := os.Stat(p.marker()); err == nil {
		return nil
	}
	for _, name := range p.entries() {
		if name == filepath.Base(p.lock()) {
			continue // made by the caller before the mark
		}
		if _, err := os.Lstat(filepath.Join(p.dir, name)); err == nil {
			return fmt.Errorf("%w: %s holds %q, which no network made; name another folder", ErrState, p.dir, name)
		}
	}
	return nil
}

func otherTopology(p paths) error {
	return fmt.Errorf("%w: %s holds a network made of another topology; use another --dir, or remove its ledger with `waybill network clean`", ErrTopology, p.dir)
}

func sameTopology(a, b *Topology) bool {
	x, errX := yaml.Marshal(a.clone())
	y, errY := yaml.Marshal(b.clone())
	return errX == nil && errY == nil && string(x) == string(y)
}
