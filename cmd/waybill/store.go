package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/gateway/blocks"
)

const storeLong = `The read model is what answers questions: the ledger's facts in SQL. It is a function of the
ledger, so it can be compared with it and built again at any time. It lives on SQLite, in the state
folder, or in the PostgreSQL database that --store names.`

// storeHelp explains the flag --store.
const storeHelp = "`URL` of the PostgreSQL database that holds the read model, postgres://… (default: SQLite in the state folder)"

func (a *app) newStoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Compare the read model with the ledger, or build it again",
		Long:  storeLong,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.newStoreCheckCommand(), a.newStoreRebuildCommand())
	return cmd
}

// storeConfig says where an organisation's read model is: in the database of that URL, or in a file
// of its state folder.
func storeConfig(dir, location string) (readmodel.Config, error) {
	switch {
	case location == "":
		return readmodel.Config{Path: filepath.Join(dir, "readmodel.db")}, nil
	case readmodel.IsPostgres(location):
		return readmodel.Config{Postgres: location}, nil
	}
	// What was given may hold a password, so it is not repeated.
	return readmodel.Config{}, usage("--store is not the URL of a PostgreSQL database, such as postgres://user@host/database?sslmode=verify-full")
}

// verifiedLedger is what the read model is a function of.
type verifiedLedger interface {
	readmodel.Source
	Height(ctx context.Context) (uint64, error)
}

// openLedger opens an organisation's ledger, every block of which is verified.
func (a *app) openLedger(onRetry func(error)) (ledger verifiedLedger, organisation string, release func(), err error) {
	if a.ledger != nil {
		return a.ledger, a.org, func() {}, nil
	}
	stream, p, release, err := a.openStream(onRetry)
	if err != nil {
		return nil, "", nil, err
	}
	opened := struct {
		readmodel.Source
		heightOf
	}{readmodel.FromStream(stream, p.Chaincode), heightOf{stream}}
	return opened, p.Organisation, release, nil
}

type heightOf struct{ stream *blocks.Stream }

func (h heightOf) Height(ctx context.Context) (uint64, error) { return h.stream.Height(ctx) }

// storeWork is what the two commands share.
type storeWork struct {
	cfg      readmodel.Config
	dir      string
	ledger   verifiedLedger
	release  func()
	height   uint64
	tampered *tamperings
}

// tamperings are the blocks that peers delivered and that do not verify, each once. The stream goes on
// with another peer, so that nothing else tells of them.
type tamperings struct {
	mu    sync.Mutex
	found []blocks.TamperedError
}

// add takes a cause of a retry in, if it is one.
func (t *tamperings) add(cause error) bool {
	what, ok := errors.AsType[*blocks.TamperedError](cause)
	if !ok {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.found, *what) {
		t.found = append(t.found, *what)
	}
	return true
}

// sayTampered writes which peers delivered blocks that do not verify, and gives the failure that it is.
func (a *app) sayTampered(w io.Writer, t *tamperings) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.found) == 0 {
		return nil
	}
	var peers []string
	for _, b := range t.found {
		if !slices.Contains(peers, b.Peer) {
			peers = append(peers, b.Peer)
		}
		var err error
		if a.json {
			err = writeJSON(w, object{{"change", "tampered"}, {"peer", b.Peer}, {"block", b.Block}, {"what", b.What}})
		} else {
			_, err = fmt.Fprintf(w, "tampered block %d from %s: %s\n", b.Block, printable(b.Peer), printable(b.What))
		}
		if err != nil {
			return err
		}
	}
	return fail(exitRefused, "WB_BLOCK_TAMPERED", "the rest was read from other peers; the operator of that peer has to look at its disk", "%s served %s that does not verify",
		strings.Join(peers, ", "), count(len(t.found), "block"))
}

// openStoreWork finds the store and the ledger, and asks the ledger for its height.
func (a *app) openStoreWork(cmd *cobra.Command, location string) (w storeWork, err error) {
	warn := cmd.ErrOrStderr()
	var organisation string
	w.tampered = &tamperings{}
	if w.ledger, organisation, w.release, err = a.openLedger(func(cause error) {
		if !w.tampered.add(cause) && !a.quiet {
			fmt.Fprintf(warn, "reading the ledger: trying again: %s\n", printable(plain(cause).Error()))
		}
	}); err != nil {
		return w, err
	}
	defer func() {
		if err != nil {
			w.release()
		}
	}()
	w.dir = filepath.Join(a.dir, "serve", organisation)
	if w.cfg, err = storeConfig(w.dir, location); err != nil {
		return w, err
	}
	w.cfg.Logger = slog.New(slog.NewTextHandler(warn, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w.height, err = w.ledger.Height(cmd.Context())
	return w, err
}

// differenceLine writes a difference for people or, with --json, as a line for programs.
func (a *app) differenceLine(w io.Writer, d readmodel.Difference) error {
	if a.json {
		line := object{{"change", string(d.Change)}, {"table", d.Table}, {"key", d.Key}}
		if len(d.Fields) > 0 {
			line = append(line, member{"fields", d.Fields})
		}
		return writeJSON(w, line)
	}
	text := fmt.Sprintf("%-8s %s %s", d.Change, d.Table, printable(d.Key))
	if len(d.Fields) > 0 {
		text += ": " + strings.Join(d.Fields, ", ")
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// building shows how far a store is built.
func (a *app) building(w io.Writer, name string, height uint64) (watch readmodel.Watch, finish func()) {
	p := newProgress(w, a.quiet, name, int64(height), "blocks", "facts") //nolint:gosec // a height is far below 2^63
	var last uint64
	return func(at uint64, facts int) {
		p.addExtra(int64(facts))
		p.add(int64(at - min(last, at))) //nolint:gosec // as above
		last = max(last, at)
	}, p.finish
}

// comparing shows how many rows were compared.
func (a *app) comparing(w io.Writer, differences *int64) (watch func(rows int64), finish func()) {
	p := newProgress(w, a.quiet, "comparing", 0, "rows", "differences")
	var last, said int64
	return func(rows int64) {
		p.addExtra(*differences - said)
		said = *differences
		p.add(rows - last)
		last = rows
	}, p.finish
}

// onStore does a command's work on the store at a location, and tells which peers' blocks did not verify.
func (a *app) onStore(cmd *cobra.Command, location string, do func(*cobra.Command, storeWork) error) error {
	w, err := a.openStoreWork(cmd, location)
	if err != nil {
		return err
	}
	defer w.release()
	err = do(cmd, w)
	if told := a.sayTampered(cmd.OutOrStdout(), w.tampered); err == nil {
		err = told
	}
	return err
}

func (a *app) newStoreCheckCommand() *cobra.Command {
	var location string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Compare the read model with the ledger, row by row",
		Long: `Compare the read model with the ledger: read every block, verified, up to where the read model is,
build a second read model from it in a temporary file, and name every row that is missing, extra or
altered, with its table, key and columns. A server may run meanwhile. Exit code 1 if there is any
difference; "waybill store rebuild" mends it.

A peer that serves a block which does not verify is named, with the block, and the exit code is 1: the
blocks are then read from another organisation's peer.`,
		Example: `  waybill store check --org carrier
  waybill store check --store 'postgres://waybill@db/waybill?sslmode=verify-full' --json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&location, "store", "", storeHelp)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.onStore(cmd, location, a.checkStore) }
	return cmd
}

func (a *app) checkStore(cmd *cobra.Command, w storeWork) error {
	ctx, out, stderr := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	store, err := readmodel.Open(ctx, w.cfg)
	if err != nil {
		return err
	}
	defer store.Close() //nolint:errcheck // nothing was written
	at, err := store.Progress(ctx)
	if err != nil {
		return err
	}
	if at.Height > w.height { // a server may have read more since the ledger was asked
		if w.height, err = w.ledger.Height(ctx); err != nil {
			return err
		}
	}
	if at.Height > w.height {
		return fail(exitRefused, "WB_STORE_FOREIGN", hintOf("WB_STORE_FOREIGN"), "the read model holds %d blocks, the ledger has %d", at.Height, w.height)
	}
	var differences int64
	built := func() {}
	compared := func() {}
	watch := func(int64) {}
	begin := func(height uint64) readmodel.Watch {
		var tell readmodel.Watch
		tell, built = a.building(stderr, "reading the ledger", height)
		return tell
	}
	first := func(rows int64) {
		built()
		built = func() {}
		watch, compared = a.comparing(stderr, &differences)
		watch(rows)
	}
	watch = first
	result, err := store.Check(ctx, w.ledger, w.scratch(), begin, func(d readmodel.Difference) error {
		differences++
		return a.differenceLine(out, d)
	}, func(rows int64) { watch(rows) })
	built()
	compared()
	if err != nil {
		return err
	}
	if err := a.sayChecked(out, w, result); err != nil {
		return err
	}
	if result.Differences > 0 {
		return fail(exitRefused, "WB_STORE_DIFFERS", "`waybill store rebuild` builds it again from the ledger", "%s", differing(result.Differences))
	}
	return nil
}

func differing(n int) string {
	return "the read model differs from the ledger in " + count(int64(n), "row")
}

// scratch is the folder for what lives as long as the command.
func (w storeWork) scratch() string {
	if w.cfg.Path != "" {
		return filepath.Dir(w.cfg.Path)
	}
	return "" // the system's
}

func (a *app) sayChecked(out io.Writer, w storeWork, r readmodel.Checked) error {
	digest := hex.EncodeToString(r.Digest[:])
	if a.json {
		return writeJSON(out, object{
			{"store", w.cfg.Location()},
			{"height", r.Height},
			{"ledger_height", w.height},
			{"rows", r.Rows},
			{"differences", r.Differences},
			{"digest", digest},
			{"wanted", hex.EncodeToString(r.Wanted[:])},
		})
	}
	if a.quiet {
		return nil
	}
	return facts(out, "store", w.cfg.Location(), "read", fmt.Sprintf("%d blocks of %d", r.Height, w.height),
		"rows", strconv.FormatInt(r.Rows, 10), "differences", strconv.Itoa(r.Differences), "digest", digest)
}

func (a *app) newStoreRebuildCommand() *cobra.Command {
	var location string
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Build the read model again from block 0",
		Long: `Build the read model again from the ledger, from block 0, beside the one that is there; compare the
two, name every difference, and put the new one in its place. A rebuild that is ended goes on where
it was when it is started again, and until its end the old read model is untouched.

What peers serve is verified: one that serves a block which does not verify is named, and the exit code is 1
although the read model is built, from the other peers' blocks.

On SQLite no server may have the read model open; on PostgreSQL the servers of other machines
may go on, and only this state folder's role readmodel must rest.`,
		Example: `  waybill store rebuild --org carrier
  waybill store rebuild --store 'postgres://waybill@db/waybill?sslmode=verify-full' --json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&location, "store", "", storeHelp)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.onStore(cmd, location, a.rebuildStore) }
	return cmd
}

func (a *app) rebuildStore(cmd *cobra.Command, w storeWork) error {
	out, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	held := []string{roleReadModel}
	if w.cfg.Path != "" {
		held = append(held, roleAPI)
	}
	for _, role := range held {
		release, err := lockState(w.dir, role, "waybill store rebuild")
		if err != nil {
			return err
		}
		defer release()
	}
	tell, built := a.building(stderr, "rebuilding", w.height)
	w.cfg.Watch = tell
	var differences int64
	compared := func() {}
	watch := func(int64) {}
	watch = func(rows int64) {
		built()
		built = func() {}
		watch, compared = a.comparing(stderr, &differences)
		watch(rows)
	}
	result, err := readmodel.Rebuild(cmd.Context(), w.cfg, w.ledger, w.height, func(d readmodel.Difference) error {
		differences++
		return a.differenceLine(out, d)
	}, func(rows int64) { watch(rows) })
	built()
	compared()
	if err != nil {
		return err
	}
	return a.sayRebuilt(out, w, result)
}

func (a *app) sayRebuilt(out io.Writer, w storeWork, r readmodel.Rebuilt) error {
	digest := ""
	if r.Compared {
		digest = hex.EncodeToString(r.Wanted[:])
	}
	if a.json {
		line := object{{"store", w.cfg.Location()}, {"height", r.Height}, {"from", r.From}, {"compared", r.Compared}}
		if r.Compared {
			line = append(line, member{"rows", r.Rows}, member{"differences", r.Differences}, member{"digest", digest})
		} else {
			line = append(line, member{"why", r.Why})
		}
		return writeJSON(out, line)
	}
	if a.quiet {
		return nil
	}
	before := "the old one was equal"
	switch {
	case !r.Compared:
		before = "the old one could not be compared: " + r.Why
	case r.Differences > 0:
		before = "the old one differed in " + count(int64(r.Differences), "row")
	}
	began := ""
	if r.From > 0 {
		began = fmt.Sprintf("after block %d, where an earlier rebuild was ended", r.From-1)
	}
	return facts(out, "store", w.cfg.Location(), "built", fmt.Sprintf("%d blocks", r.Height), "went on", began, "before", before, "digest", digest)
}
