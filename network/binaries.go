package network

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// Settings in the environment that name programs made elsewhere.
const (
	// EnvFabricBin names a folder with Fabric's own release programs (peer, orderer, configtxgen).
	EnvFabricBin = "WAYBILL_FABRIC_BIN"
	// EnvChaincodeBin names the chaincode server's program.
	EnvChaincodeBin = "WAYBILL_CHAINCODE_BIN"
	// EnvBuilderBin names the program that peers call as external builder.
	EnvBuilderBin = "WAYBILL_CCBUILDER_BIN"
)

const modulePath = "github.com/waybill-dev/waybill"

// Progress tells of one step of a longer work.
type Progress struct {
	// Stage is such as fabric, chaincode, certificates, processes, channel, lifecycle, ready.
	Stage string `json:"stage"`
	// Text says what is done, for people.
	Text string `json:"text"`
	// Done of Total units are done; Total is 0 where nobody knows.
	Done  int `json:"done,omitempty"`
	Total int `json:"total,omitempty"`
}

// Binaries are the paths of Fabric's programs.
type Binaries struct {
	Peer, Orderer, Configtxgen string
	// Ledgerutil compares ledgers; empty if an operator's folder lacks it.
	Ledgerutil string
}

// FabricBinaries finds Fabric's programs: in the folder that WAYBILL_FABRIC_BIN names, or in the
// cache, into which they are built from network/fabric/go.mod where they are missing. Two builders
// at once wait for each other. It fails with ErrBinaries.
func FabricBinaries(ctx context.Context, progress func(Progress)) (Binaries, error) {
	if progress == nil {
		progress = func(Progress) {}
	}
	if dir := os.Getenv(EnvFabricBin); dir != "" {
		b, missing := binariesIn(dir)
		if len(missing) > 0 {
			return Binaries{}, fmt.Errorf("%w: %s names %s, which lacks %s", ErrBinaries, EnvFabricBin, dir, strings.Join(missing, ", "))
		}
		return b, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return Binaries{}, fmt.Errorf("%w: to build Fabric the source tree of Waybill is needed, or %s with the path of a folder that holds peer, orderer and configtxgen: %w", ErrBinaries, EnvFabricBin, err)
	}
	source := filepath.Join(root, "network", "fabric")
	digest, err := fabricDigest(source)
	if err != nil {
		return Binaries{}, fmt.Errorf("%w: %w", ErrBinaries, err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Binaries{}, fmt.Errorf("%w: %w", ErrBinaries, err)
	}
	dir := filepath.Join(cache, "waybill", "fabric", digest)
	if b, missing := binariesIn(dir); len(missing) == 0 {
		return b, nil
	}
	lock, err := waitLock(ctx, dir+".lock", func() {
		progress(Progress{Stage: "fabric", Text: "waiting for another program that builds Fabric"})
	})
	if err != nil {
		return Binaries{}, fmt.Errorf("%w: %w", ErrBinaries, err)
	}
	defer lock.release()
	if b, missing := binariesIn(dir); len(missing) == 0 {
		return b, nil
	}
	if err := buildFabric(ctx, source, dir, progress); err != nil {
		return Binaries{}, fmt.Errorf("%w: building Fabric: %w", ErrBinaries, err)
	}
	b, missing := binariesIn(dir)
	if len(missing) > 0 {
		return Binaries{}, fmt.Errorf("%w: the build made no %s", ErrBinaries, strings.Join(missing, ", "))
	}
	return b, nil
}

func binariesIn(dir string) (Binaries, []string) {
	var missing []string
	program := func(name string) string {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path) //nolint:gosec // the operator names the folder
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			missing = append(missing, name)
			return ""
		}
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		return path
	}
	b := Binaries{Peer: program("peer"), Orderer: program("orderer"), Configtxgen: program("configtxgen")}
	needed := missing
	b.Ledgerutil = program("ledgerutil")
	return b, needed
}

// fabricDigest changes whenever a build would give other programs.
func fabricDigest(source string) (string, error) {
	h := sha256.New()
	for _, name := range []string{"go.mod", "go.sum"} {
		raw, err := os.ReadFile(filepath.Join(source, name)) //nolint:gosec // in the source tree
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", name, len(raw))
		h.Write(raw)
	}
	fmt.Fprintf(h, "%s %s %s\n", runtime.GOOS, runtime.GOARCH, runtime.Version())
	return hex.EncodeToString(h.Sum(nil))[:24], nil
}

func buildFabric(ctx context.Context, source, dir string, progress func(Progress)) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp) //nolint:errcheck // what is left behind is only a cache
	progress(Progress{Stage: "fabric", Text: "building Hyperledger Fabric (once; some minutes)"})
	total := countPackages(ctx, source)
	done := 0
	err = goTool(ctx, source, func(line string) {
		if said, ok := strings.CutPrefix(line, "go: "); ok {
			progress(Progress{Stage: "fabric", Text: said, Done: done, Total: total})
			return
		}
		done++
		progress(Progress{Stage: "fabric", Text: line, Done: min(done, total), Total: total})
	}, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", tmp+string(filepath.Separator), "tool")
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil { // a damaged earlier build
		return err
	}
	return os.Rename(tmp, dir)
}

// countPackages answers how many packages a cold build compiles; 0 if it cannot tell.
func countPackages(ctx context.Context, source string) int {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "tool")
	cmd.Dir, cmd.Env = source, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return 0
	}
	return bytes.Count(out, []byte("\n"))
}

// goTool runs the go command in a folder and hands on each line it says; its last lines are in the error.
func goTool(ctx context.Context, dir string, onLine func(string), args ...string) error {
	program, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("the go command is needed: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // fixed arguments of our own
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	var tail []string
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(reader)
		lines.Buffer(make([]byte, 4096), 1<<20)
		for lines.Scan() {
			if tail = append(tail, lines.Text()); len(tail) > 12 {
				tail = tail[1:]
			}
			onLine(lines.Text())
		}
		_, _ = io.Copy(io.Discard, reader)
	}()
	runtime.LockOSThread() // the kernel ties the child's life to this thread
	err = cmd.Run()
	runtime.UnlockOSThread()
	_ = writer.Close()
	<-read
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("go %s: %w\n%s", args[0], err, strings.Join(tail, "\n"))
	}
	return nil
}

// moduleRoot finds Waybill's source tree above the working folder, above this program, or where it was compiled.
func moduleRoot() (string, error) {
	var starts []string
	if wd, err := os.Getwd(); err == nil {
		starts = append(starts, wd)
	}
	if exe, err := os.Executable(); err == nil {
		starts = append(starts, filepath.Dir(exe))
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		starts = append(starts, filepath.Dir(file))
	}
	for _, dir := range starts {
		for {
			if isRoot(dir) {
				return dir, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", errors.New("the source tree of " + modulePath + " is not above the working folder")
}

func isRoot(dir string) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // only looked at for its module line
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(raw)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "module "); ok {
			return strings.Trim(name, `" `) == modulePath
		}
	}
	return false
}

// ownProgram finds a program of Waybill: named by the caller or the environment, beside this
// program, or built from the source tree into dir.
func ownProgram(ctx context.Context, named, env, name, pkg, dir string, progress func(Progress)) (string, error) {
	from := name
	if named == "" {
		named, from = os.Getenv(env), env
	}
	if named != "" {
		if err := executable(named); err != nil {
			return "", fmt.Errorf("%w: %s: %w", ErrBinaries, from, err)
		}
		return filepath.Abs(named)
	}
	if exe, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(exe), name)
		if executable(beside) == nil {
			return beside, nil
		}
	}
	root, err := moduleRoot()
	if err != nil {
		return "", fmt.Errorf("%w: no %s beside this program nor named by %s, and nothing to build it from: %w", ErrBinaries, name, env, err)
	}
	out := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBinaries, err)
	}
	progress(Progress{Stage: "programs", Text: "building " + name})
	if err := goTool(ctx, root, func(string) {}, "build", "-trimpath", "-buildvcs=false", "-o", out, pkg); err != nil {
		return "", fmt.Errorf("%w: building %s: %w", ErrBinaries, name, err)
	}
	return out, nil
}

func executable(path string) error {
	info, err := os.Stat(path) //nolint:gosec // the operator names the program
	if err != nil {
		return err
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is no program", path)
	}
	return nil
}

// installProgram copies a program below the state folder under the name of its digest, so that a
// process started again later runs what was agreed on, whatever a build has made of the original since.
func installProgram(from, dir, name string) (path, digest string, err error) {
	raw, err := os.ReadFile(from) //nolint:gosec // the program we were told to run
	if err != nil {
		return "", "", err
	}
	sum := sha256.Sum256(raw)
	digest = hex.EncodeToString(sum[:])
	path = filepath.Join(dir, name+"-"+digest[:12])
	info, statErr := os.Stat(path) //nolint:gosec // below the state folder
	if statErr == nil && info.Size() == int64(len(raw)) && info.Mode()&0o100 != 0 {
		return path, digest, nil
	}
	if err := writeFile(path, raw); err != nil {
		return "", "", err
	}
	return path, digest, os.Chmod(path, 0o700) //nolint:gosec // a program must be executable
}

// installBuilder lays the external builder out as peers want it: one program under three names.
func installBuilder(from string, p paths) error {
	program, _, err := installProgram(from, p.builder(), "waybill-ccbuilder")
	if err != nil {
		return err
	}
	bin := filepath.Join(p.builder(), "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	for _, verb := range []string{"detect", "build", "release"} {
		link := filepath.Join(bin, verb)
		target := filepath.Join("..", filepath.Base(program))
		if have, err := os.Readlink(link); err == nil && have == target {
			continue
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Symlink(target, link); err != nil {
			return err
		}
	}
	return nil
}
