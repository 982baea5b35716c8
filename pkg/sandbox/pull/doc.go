// Package pull simulates image pulls: how long they take, which bytes they move, and what they leave on a node's disk.
//
// It is time and arithmetic only. It opens no connection, writes no file, and knows nothing of pods or kubelets;
// the simulated container runtime and the light nodes both stand on it, so both kinds of node pull alike.
//
// Invariants:
//   - a layer is moved to a node once, however many images or pulls want it;
//   - the rates of all transfers of a node never add up to more than its bandwidth, and the rates of all nodes never
//     to more than the registry's;
//   - when no pull is in flight, a disk holds the layers of its images.
package pull
