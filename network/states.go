package network

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hyperledger/fabric-admin-sdk/pkg/channel"
	"github.com/hyperledger/fabric-admin-sdk/pkg/snapshot"
	"golang.org/x/sync/errgroup"
)

// stateTries is how often CompareStates starts again because a block was committed meanwhile.
const stateTries = 20

// PeerState is what one peer's snapshot says.
type PeerState struct {
	Peer string `json:"peer"`
	// Digest is of the snapshot's signable metadata, which holds the hashes of the last block, the
	// public state, the private state's hashes and the transaction ids.
	Digest string `json:"digest"`
}

// States compares the world states of a network's peers.
type States struct {
	// Height is the number of blocks that the states result from.
	Height uint64      `json:"height"`
	Peers  []PeerState `json:"peers"`
	Equal  bool        `json:"equal"`
}

// CompareStates has every peer of the running network in a state folder take a snapshot at the same
// height and compares them, whoever supervises the network. It waits for a moment in which no block is
// committed, a few seconds at most, and fails with ErrBusy if there is none. The snapshots stay in the folder.
func CompareStates(ctx context.Context, dir string) (States, error) {
	p, err := absolute(dir)
	if err != nil {
		return States{}, err
	}
	t, s, err := loadMade(p)
	if err != nil {
		return States{}, err
	}
	peers, closePeers, err := dialPeers(t, p, s.Ports)
	if err != nil {
		return States{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	defer closePeers()
	for range stateTries {
		var states States
		if states, err = compareOnce(ctx, t, p, peers); err == nil {
			return states, nil
		}
		if stopped := pause(ctx); stopped != nil {
			return States{}, stopped
		}
	}
	return States{}, fmt.Errorf("%w: comparing the peers' states: %w", ErrBusy, err)
}

func pause(ctx context.Context) error {
	timer := time.NewTimer(2 * retryPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func compareOnce(ctx context.Context, t *Topology, p paths, peers []endorserPeer) (States, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	heights := make([]uint64, len(peers))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, peer := range peers {
		group.Go(func() error {
			info, err := channel.GetBlockChainInfo(groupCtx, peer.conn, peer.admin, t.Channel)
			if err != nil {
				return fmt.Errorf("%s: %w", peer.name, err)
			}
			heights[i] = info.GetHeight()
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return States{}, err
	}
	states := States{Height: heights[0], Peers: make([]PeerState, len(peers)), Equal: true}
	if slices.Max(heights) != slices.Min(heights) || heights[0] == 0 {
		return States{}, fmt.Errorf("the peers are at heights %v", heights)
	}
	group, groupCtx = errgroup.WithContext(ctx)
	for i, peer := range peers {
		group.Go(func() error {
			raw, err := stateOf(groupCtx, t.Channel, p, peer, heights[0]-1)
			if err != nil {
				return fmt.Errorf("%s: %w", peer.name, err)
			}
			digest := sha256.Sum256(raw)
			states.Peers[i] = PeerState{Peer: peer.name, Digest: hex.EncodeToString(digest[:])}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return States{}, err
	}
	for _, peer := range states.Peers {
		states.Equal = states.Equal && peer.Digest == states.Peers[0].Digest
	}
	return states, nil
}

// stateOf gives the metadata of a peer's snapshot at a block, which it takes if there is none yet.
func stateOf(ctx context.Context, channelID string, p paths, peer endorserPeer, block uint64) ([]byte, error) {
	file := filepath.Join(p.data(peer.name), "snapshots", "completed", channelID, strconv.FormatUint(block, 10), "_snapshot_signable_metadata.json")
	if raw, err := readMetadata(file, block); err == nil {
		return raw, nil
	}
	err := snapshot.NewPeer(peer.conn, peer.admin).SubmitRequest(ctx, channelID, block)
	// An earlier comparison at this height may still be under way at the peer.
	if err != nil && !strings.Contains(err.Error(), "duplicate snapshot request") && !strings.Contains(err.Error(), "already generated") {
		return nil, err
	}
	for {
		raw, err := readMetadata(file, block)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return raw, err
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("no snapshot at block %d: %w", block, err)
		}
	}
}

// readMetadata reads a snapshot's metadata and gives it in one spelling.
func readMetadata(file string, block uint64) ([]byte, error) {
	raw, err := os.ReadFile(file) //nolint:gosec // below the state folder
	if err != nil {
		return nil, err
	}
	var m struct {
		LastBlock uint64            `json:"last_block_number"`
		LastHash  string            `json:"last_block_hash"`
		Files     map[string]string `json:"snapshot_files_raw_hashes"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrState, file, err)
	}
	if m.LastBlock != block || m.LastHash == "" || m.Files["public_state.data"] == "" {
		return nil, fmt.Errorf("%w: %s does not describe the state at block %d", ErrState, file, block)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d %s\n", m.LastBlock, m.LastHash)
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		fmt.Fprintf(&b, "%s %s\n", name, m.Files[name])
	}
	return b.Bytes(), nil
}
