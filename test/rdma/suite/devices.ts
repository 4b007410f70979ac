/* The two ends of the guest's cable (guest/guest.sh). */

export interface Device {
  /** Name of the RDMA device. */
  readonly device: string
  /** Name of the network interface. */
  readonly link: string
  readonly address: string
}

export const NEAR: Device = { device: 'rxe0', link: 'rdma0', address: '10.77.0.1' }
export const FAR: Device = { device: 'rxe1', link: 'rdma1', address: '10.77.0.2' }
