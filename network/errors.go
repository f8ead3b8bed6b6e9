package network

import "errors"

// Errors of this package; each text begins with its stable code.
var (
	// ErrTopology says that a topology is invalid, or is not the one the state folder was made with.
	ErrTopology = errors.New("WB_NETWORK_TOPOLOGY")
	// ErrPortTaken says that a port of the network is held by another program; the text names port and process.
	ErrPortTaken = errors.New("WB_NETWORK_PORT_TAKEN")
	// ErrAlreadyUp says that the network of this folder runs already. Nothing needs to be done.
	ErrAlreadyUp = errors.New("WB_NETWORK_ALREADY_UP")
	// ErrBusy says that another program is starting, stopping or changing the network of this folder. Try again.
	ErrBusy = errors.New("WB_NETWORK_BUSY")
	// ErrNotUp says that no network runs in this folder.
	ErrNotUp = errors.New("WB_NETWORK_NOT_UP")
	// ErrBinaries says that Fabric's programs or the chaincode are neither there nor can be built.
	ErrBinaries = errors.New("WB_NETWORK_BINARIES")
	// ErrProcess says that a process of the network ended when it should not have; the text names it and its log.
	ErrProcess = errors.New("WB_NETWORK_PROCESS")
	// ErrNotReady says that the network did not endorse and commit a transaction in time.
	ErrNotReady = errors.New("WB_NETWORK_NOT_READY")
	// ErrLifecycle says that joining the channel or deploying the chaincode failed.
	ErrLifecycle = errors.New("WB_NETWORK_LIFECYCLE")
	// ErrState says that the state folder is not one of ours or is damaged.
	ErrState = errors.New("WB_NETWORK_STATE")
	// ErrIdentity says that an identity cannot be issued as asked.
	ErrIdentity = errors.New("WB_NETWORK_IDENTITY")
)
