/** See native-build.mjs. */
export declare function nodeHeaders(): string | null
export declare function sourcesHash(): string
