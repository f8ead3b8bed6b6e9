package network

import (
	"fmt"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/waybill-dev/waybill/gateway/profile"
)

const (
	// maxGRPCBytes bounds a message between nodes: a block of one largest transaction, and room for its signatures and headers.
	maxGRPCBytes = 100 << 20
	// chaincodeTimeout bounds one transaction's execution.
	chaincodeTimeout = 30 * time.Second
	// gatewaySlots bounds the calls and open streams that a peer's gateway serves at once (Fabric's default of 500 refuses a busy API server).
	gatewaySlots = 4000
	builderName  = "waybill"
	configtxName = "Waybill"
)

// fields is one level of a configuration file of Fabric.
type fields map[string]any

// coreYAML renders a peer's configuration. Fabric's sampleconfig/core.yaml is the
// reference; what it sets to its own defaults is left out where the code has the same.
func coreYAML(t *Topology, p paths, ports map[string]int, org Organisation, index int) ([]byte, error) {
	name := peerName(org.Name, index)
	layout := p.org(org.Name)
	tls := layout.nodeTLS(name)
	listen := address(ports[name+"/listen"])
	bootstrap := listen
	if org.Peers > 1 {
		bootstrap = address(ports[peerName(org.Name, (index+1)%org.Peers)+"/listen"])
	}
	data := p.data(name)
	return yaml.Marshal(fields{
		"peer": fields{
			"id": name, "networkId": t.Name,
			"listenAddress": listen, "address": listen,
			"chaincodeListenAddress": address(ports[name+"/chaincode"]), "chaincodeAddress": address(ports[name+"/chaincode"]),
			"gateway":   fields{"enabled": true, "endorsementTimeout": "30s", "broadcastTimeout": "30s", "dialTimeout": "10s"},
			"keepalive": fields{"interval": "7200s", "timeout": "20s", "minInterval": "20s", "client": fields{"interval": "60s", "timeout": "20s"}, "deliveryClient": fields{"interval": "60s", "timeout": "20s"}},
			"gossip": fields{
				"bootstrap": bootstrap, "endpoint": listen, "externalEndpoint": listen,
				"useLeaderElection": false, "orgLeader": true, "state": fields{"enabled": false},
				"maxBlockCountToStore": 10, "maxPropagationBurstLatency": "10ms", "maxPropagationBurstSize": 10,
				"propagateIterations": 1, "propagatePeerNum": 3, "pullInterval": "4s", "pullPeerNum": 3,
				"requestStateInfoInterval": "1s", "publishStateInfoInterval": "1s", "publishCertPeriod": "10s",
				"dialTimeout": "3s", "connTimeout": "2s", "recvBuffSize": 20, "sendBuffSize": 200,
				"digestWaitTime": "1s", "requestWaitTime": "1500ms", "responseWaitTime": "2s",
				// Peers of different organisations meet through these; Fabric's defaults take some 25 s.
				"aliveTimeInterval": "1s", "aliveExpirationTimeout": "10s", "reconnectInterval": "2s", "membershipTrackerInterval": "1s",
				"maxConnectionAttempts": 120, "msgExpirationFactor": 20,
				"election": fields{"startupGracePeriod": "15s", "membershipSampleInterval": "1s", "leaderAliveThreshold": "10s", "leaderElectionDuration": "5s"},
				"pvtData": fields{
					"pullRetryThreshold": "10s", "transientstoreMaxBlockRetention": 20000, "pushAckTimeout": "3s", "btlPullMargin": 10,
					"reconcileBatchSize": 10, "reconcileSleepInterval": "1m", "reconciliationEnabled": true,
					"implicitCollectionDisseminationPolicy": fields{"requiredPeerCount": 0, "maxPeerCount": 1},
				},
			},
			"tls": fields{
				"enabled": true, "clientAuthRequired": false,
				"cert": fields{"file": filepath.Join(tls, certFile)}, "key": fields{"file": filepath.Join(tls, keyFile)},
				"rootcert":      fields{"file": layout.tlsCACert()},
				"clientRootCAs": fields{"files": []string{layout.tlsCACert()}},
			},
			"authentication": fields{"timewindow": "15m"},
			"fileSystemPath": data,
			"BCCSP":          bccsp(),
			"mspConfigPath":  layout.nodeMSP(name), "localMspId": org.MSPID, "localMspType": "bccsp",
			"client": fields{"connTimeout": "3s"},
			"deliveryclient": fields{
				"blockGossipEnabled": false, "connTimeout": "3s", "minimalReconnectInterval": "100ms",
				// A peer looks for a lost orderer at least this often; Fabric's default backs off to an hour.
				"reConnectBackoffThreshold": "5s", "reconnectTotalTimeThreshold": "87600h", "blockCensorshipTimeoutKey": "30s", "policy": "cluster",
			},
			"profile": fields{"enabled": false},
			"handlers": fields{
				"authFilters": []fields{{"name": "DefaultAuth"}, {"name": "ExpirationCheck"}, {"name": "TimeWindowCheck"}},
				"decorators":  []fields{{"name": "DefaultDecorator"}},
				"endorsers":   fields{"escc": fields{"name": "DefaultEndorsement"}},
				"validators":  fields{"vscc": fields{"name": "DefaultValidation"}},
			},
			"discovery":      fields{"enabled": true, "authCacheEnabled": true, "authCacheMaxSize": 1000, "authCachePurgeRetentionRatio": 0.75, "orgMembersAllowedAccess": false},
			"limits":         fields{"concurrency": fields{"endorserService": 2500, "deliverService": 2500, "gatewayService": gatewaySlots}},
			"maxRecvMsgSize": maxGRPCBytes, "maxSendMsgSize": maxGRPCBytes,
		},
		// No endpoint: the peer looks for no container engine.
		"vm": fields{"endpoint": ""},
		"chaincode": fields{
			"externalBuilders": []fields{{"name": builderName, "path": p.builder(), "propagateEnvironment": []string{}}},
			"installTimeout":   "60s", "startuptimeout": "30s", "executetimeout": chaincodeTimeout.String(), "mode": "net", "keepalive": 0,
			"system":        fields{"_lifecycle": "enable", "cscc": "enable", "lscc": "enable", "qscc": "enable"},
			"logging":       fields{"level": "warning", "shim": "warning"},
			"runtimeParams": fields{"useWriteBatch": true, "maxSizeWriteBatch": 1000, "useGetMultipleKeys": true, "maxSizeGetMultipleKeys": 1000},
		},
		"ledger": fields{
			"state": fields{"stateDatabase": "goleveldb", "totalQueryLimit": 100000},
			// The read model keeps histories; this index would cost every write and serve no query of ours.
			"history":      fields{"enableHistoryDatabase": false},
			"pvtdataStore": fields{"collElgProcMaxDbBatchSize": 5000, "collElgProcDbBatchesInterval": 1000, "deprioritizedDataReconcilerInterval": "60m", "purgeInterval": 100, "purgedKeyAuditLogging": true},
			"snapshots":    fields{"rootDir": filepath.Join(data, "snapshots")},
		},
		"operations": fields{
			"listenAddress": address(ports[name+"/operations"]),
			"tls": fields{
				"enabled": true, "clientAuthRequired": true, "clientRootCAs": fields{"files": []string{layout.tlsCACert()}},
				"cert": fields{"file": filepath.Join(tls, certFile)}, "key": fields{"file": filepath.Join(tls, keyFile)},
			},
		},
		"metrics": fields{"provider": "disabled"},
	})
}

func bccsp() fields {
	return fields{"Default": "SW", "SW": fields{"Hash": "SHA2", "Security": 256}}
}

// ordererYAML renders an orderer's configuration after Fabric's sampleconfig/orderer.yaml.
func ordererYAML(t *Topology, p paths, ports map[string]int, index int) ([]byte, error) {
	name := ordererName(index)
	layout := p.org(t.Orderers.Organisation)
	tls := layout.nodeTLS(name)
	cert, key := filepath.Join(tls, certFile), filepath.Join(tls, keyFile)
	// Peers and clients of every organisation, and the other orderers, call the same port.
	roots := []string{layout.tlsCACert()}
	mutual := fields{
		"Enabled": true, "Certificate": cert, "PrivateKey": key, "RootCAs": roots,
		"ClientAuthRequired": true, "ClientRootCAs": []string{layout.tlsCACert()},
	}
	data := p.data(name)
	return yaml.Marshal(fields{
		"General": fields{
			"ListenAddress": loopback, "ListenPort": ports[name+"/listen"],
			"TLS":             fields{"Enabled": true, "PrivateKey": key, "Certificate": cert, "RootCAs": roots, "ClientAuthRequired": false},
			"Keepalive":       fields{"ServerMinInterval": "20s", "ServerInterval": "7200s", "ServerTimeout": "20s"},
			"Backoff":         fields{"BaseDelay": "200ms", "Multiplier": 1.6, "MaxDelay": "5s"},
			"MaxRecvMsgSize":  maxGRPCBytes,
			"MaxSendMsgSize":  maxGRPCBytes,
			"Cluster":         fields{"SendBufferSize": 100, "ClientCertificate": cert, "ClientPrivateKey": key, "RootCAs": roots, "DialTimeout": "5s"},
			"BootstrapMethod": "none",
			"LocalMSPDir":     layout.nodeMSP(name), "LocalMSPID": t.Orderers.MSPID,
			"Profile":        fields{"Enabled": false, "Address": loopback + ":0"},
			"BCCSP":          bccsp(),
			"Authentication": fields{"TimeWindow": "15m"},
		},
		"FileLedger": fields{"Location": data},
		"Operations": fields{"ListenAddress": address(ports[name+"/operations"]), "TLS": mutual},
		"Metrics":    fields{"Provider": "disabled"},
		"Admin":      fields{"ListenAddress": address(ports[name+"/admin"]), "TLS": mutual},
		// A genesis block holds every organisation's certificates: some kilobytes each.
		"ChannelParticipation": fields{"Enabled": true, "MaxRequestBodySize": "16 MB"},
		"Consensus":            fields{"WALDir": filepath.Join(data, "etcdraft", "wal"), "SnapDir": filepath.Join(data, "etcdraft", "snapshot"), "EvictionSuspicion": "10m"},
	})
}

type policy struct {
	Type string `yaml:"Type"`
	Rule string `yaml:"Rule"`
}

// configtxYAML renders what configtxgen makes the channel's first block of. Paths in it are absolute.
func configtxYAML(t *Topology, p paths, ports map[string]int) ([]byte, error) {
	implicit := func(rule string) policy { return policy{Type: "ImplicitMeta", Rule: rule} }
	signature := func(format string, args ...any) policy {
		return policy{Type: "Signature", Rule: fmt.Sprintf(format, args...)}
	}
	endpoints := make([]string, t.Orderers.Nodes)
	for i := range endpoints {
		endpoints[i] = address(ports[ordererName(i)+"/listen"])
	}
	o := t.Orderers
	ordererOrg := fields{
		"Name": o.MSPID, "ID": o.MSPID, "MSPDir": p.org(o.Organisation).msp(), "OrdererEndpoints": endpoints,
		"Policies": fields{
			"Readers": signature("OR('%s.member')", o.MSPID),
			"Writers": signature("OR('%s.member')", o.MSPID),
			"Admins":  signature("OR('%s.admin')", o.MSPID),
		},
	}
	orgs := make([]fields, 0, len(t.Organisations))
	for _, org := range t.Organisations {
		f := fields{
			"Name": org.MSPID, "ID": org.MSPID, "MSPDir": p.org(org.Name).msp(),
			"Policies": fields{
				"Readers":     signature("OR('%[1]s.admin', '%[1]s.peer', '%[1]s.client')", org.MSPID),
				"Writers":     signature("OR('%[1]s.admin', '%[1]s.client')", org.MSPID),
				"Admins":      signature("OR('%s.admin')", org.MSPID),
				"Endorsement": signature("OR('%s.peer')", org.MSPID),
			},
		}
		anchors := make([]fields, 0, org.Peers)
		for i := range org.Peers {
			anchors = append(anchors, fields{"Host": loopback, "Port": ports[peerName(org.Name, i)+"/listen"]})
		}
		if len(anchors) > 0 {
			f["AnchorPeers"] = anchors
		}
		orgs = append(orgs, f)
	}
	kind, rule := t.endorsementPolicy()
	lifecycle := *t
	lifecycle.Endorsement = EndorsementMajority
	lifecycleKind, lifecycleRule := lifecycle.endorsementPolicy()
	ordering := fields{
		"BatchTimeout":  o.BatchTimeout.String(),
		"BatchSize":     fields{"MaxMessageCount": o.MaxMessageCount, "AbsoluteMaxBytes": o.AbsoluteMaxBytes, "PreferredMaxBytes": o.PreferredMaxBytes},
		"Organizations": []fields{ordererOrg},
		"Policies": fields{
			"Readers": implicit("ANY Readers"), "Writers": implicit("ANY Writers"),
			"Admins": implicit("MAJORITY Admins"),
			// Orderers alone sign blocks; the sample's ANY Writers would take their administrator's signature too. BFT
			// replaces this by a quorum of the consenters.
			"BlockValidation": signature("OR('%s.orderer')", o.MSPID),
		},
		"Capabilities": map[string]bool{"V2_0": true},
	}
	addConsenters(ordering, t, p, ports)
	profiles := fields{configtxName: fields{
		"Policies":     fields{"Readers": implicit("ANY Readers"), "Writers": implicit("ANY Writers"), "Admins": implicit("MAJORITY Admins")},
		"Capabilities": map[string]bool{"V3_0": true},
		"Orderer":      ordering,
		"Application": fields{
			"Organizations": orgs,
			"Policies": fields{
				"Readers": implicit("ANY Readers"), "Writers": implicit("ANY Writers"), "Admins": implicit("MAJORITY Admins"),
				"Endorsement": policy{Type: kind, Rule: rule}, "LifecycleEndorsement": policy{Type: lifecycleKind, Rule: lifecycleRule},
			},
			"Capabilities": map[string]bool{"V2_5": true},
		},
	}}
	return yaml.Marshal(fields{"Profiles": profiles})
}

func addConsenters(ordering fields, t *Topology, p paths, ports map[string]int) {
	layout := p.org(t.Orderers.Organisation)
	consenters := make([]fields, t.Orderers.Nodes)
	for i := range consenters {
		cert := filepath.Join(layout.nodeTLS(ordererName(i)), certFile)
		consenters[i] = fields{"Host": loopback, "Port": ports[ordererName(i)+"/listen"], "ClientTLSCert": cert, "ServerTLSCert": cert}
		if t.Consensus == profile.BFT {
			consenters[i]["ID"] = i + 1
			consenters[i]["MSPID"] = t.Orderers.MSPID
			consenters[i]["Identity"] = layout.nodeCert(ordererName(i))
		}
	}
	if t.Consensus == profile.BFT {
		ordering["OrdererType"] = "BFT"
		ordering["ConsenterMapping"] = consenters
		ordering["SmartBFT"] = fields{
			// BFT knows no BatchTimeout; this is what stands for it.
			"RequestBatchMaxInterval": t.Orderers.BatchTimeout.String(),
			// A leader that fails is replaced some 10 s after the first transaction it leaves lying; Fabric's sample takes half a minute.
			"RequestForwardTimeout": "2s", "RequestComplainTimeout": "10s", "RequestAutoRemoveTimeout": "3m0s",
			"ViewChangeResendInterval": "2s", "ViewChangeTimeout": "10s", "LeaderHeartbeatTimeout": "15s", "LeaderHeartbeatCount": 10,
			"CollectTimeout": "1s", "IncomingMessageBufferSize": 200, "RequestPoolSize": 10000,
			"RequestMaxBytes": t.Orderers.AbsoluteMaxBytes,
		}
		return
	}
	ordering["OrdererType"] = "etcdraft"
	ordering["EtcdRaft"] = fields{
		"Consenters": consenters,
		// An election after a restart takes ElectionTick to twice as many ticks: 1 to 2 s alone, 2 to 4 s with others,
		// who must not take a busy leader for a dead one.
		"Options": fields{"TickInterval": "100ms", "ElectionTick": electionTicks(t), "HeartbeatTick": 1, "MaxInflightBlocks": 10, "SnapshotIntervalSize": "64 MB"},
	}
}

func electionTicks(t *Topology) int {
	if t.Orderers.Nodes == 1 {
		return 10
	}
	return 20
}
