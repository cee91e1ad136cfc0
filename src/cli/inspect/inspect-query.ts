/** What `isthmus inspect` asks, and of which node. */
export type InspectQuery =
  | { readonly type: 'actors' | 'members' | 'leases' | 'lanes' }
  /** All links, if none is named. */
  | { readonly type: 'links'; readonly link: string | undefined }
  | { readonly type: 'history'; readonly actor: string }
  /** Of all actors, if none is named. */
  | { readonly type: 'watch'; readonly actor: string | undefined }
  | { readonly type: 'routes_match'; readonly topic: string; readonly limit: number }
  | { readonly type: 'routes_list'; readonly text: string | undefined; readonly limit: number }
  | { readonly type: 'ledger' | 'ledger_reset'; readonly link: string }
  /** Tells the level, if none is named. */
  | { readonly type: 'log_level'; readonly level: string | undefined }

/** Where the node listens. */
export type InspectPlace =
  | { readonly type: 'socket'; readonly path: string }
  | { readonly type: 'config'; readonly file: string }
  | { readonly type: 'data_dir'; readonly directory: string }

export type InspectCommand = {
  readonly place: InspectPlace
  /** Whether JSON is asked for also on a terminal. */
  readonly json: boolean
  readonly query: InspectQuery
}
