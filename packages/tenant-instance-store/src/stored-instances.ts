import { InstanceCorruptError, InstanceNotFoundError, PageInvalidError } from './errors.js'
import { FieldCipher } from './field-cipher.js'
import { checkInstanceId } from './instance-id.js'
import type { InstanceStore } from './stores/instance-store.js'
import {
  encodeChange,
  encodeFields,
  parseInstance,
  type InstanceChange,
  type InstanceFields,
  type TenantInstance,
} from './tenant-instance.js'
import type {
  InstancePage,
  ListOptions,
  Saved,
  SaveOptions,
  TenantInstances,
  Updated,
} from './tenant-instances.js'

const defaultLimit = 50
const largestLimit = 1000

/** The methods of {@link TenantInstances}, free of Fastify, over whichever store there is. */
export class StoredInstances<Fields = InstanceFields> implements Omit<TenantInstances<Fields>, 'require'> {
  readonly #store: () => InstanceStore
  readonly #isInstanceId: ((id: string) => boolean) | undefined
  readonly #cipher: FieldCipher

  /**
   * @param store - Asked with each call.
   * @param isInstanceId - The app's own rule for ids.
   * @param cipher - Encrypts the values on their way to the store.
   */
  constructor(
    store: () => InstanceStore,
    isInstanceId?: (id: string) => boolean,
    cipher: FieldCipher = new FieldCipher([]),
  ) {
    this.#store = store
    this.#isInstanceId = isInstanceId
    this.#cipher = cipher
  }

  async get(id: string): Promise<TenantInstance<Fields> | undefined> {
    checkInstanceId(id, this.#isInstanceId)
    const text = await this.#store().read(id)
    return text === undefined ? undefined : this.#parse(id, text)
  }

  async save(instance: TenantInstance<Fields>, { ifAbsent = false }: SaveOptions = {}): Promise<Saved> {
    const texts = encodeFields(instance)
    const id = checkInstanceId(instance.id, this.#isInstanceId)
    const fields = this.#cipher.encryptAll(id, texts)
    const { durability, existed } = await this.#store().write(id, {
      kind: ifAbsent ? 'create' : 'replace',
      fields,
    })
    return { durability, created: !existed }
  }

  async update(id: string, change: InstanceChange<Fields>): Promise<Updated<Fields>> {
    checkInstanceId(id, this.#isInstanceId)
    const fields = this.#cipher.encryptAll(id, encodeChange(id, change))
    const { durability, document } = await this.#store().write(id, { kind: 'patch', fields })
    if (document === undefined) throw new InstanceNotFoundError()
    return { durability, instance: this.#parse(id, document) }
  }

  async delete(id: string): Promise<boolean> {
    checkInstanceId(id, this.#isInstanceId)
    return (await this.#store().write(id, { kind: 'remove' })).existed
  }

  async list(options: ListOptions = {}): Promise<InstancePage<Fields>> {
    const { cursor, limit = defaultLimit } = options
    if (!Number.isInteger(limit) || limit < 1 || limit > largestLimit) {
      throw new PageInvalidError(`the limit is a whole number from 1 to ${largestLimit}`)
    }
    if (cursor !== undefined && typeof cursor !== 'string') {
      throw new PageInvalidError('the cursor is a text, as the page before answered it')
    }
    const page = await this.#store().page({ cursor, limit })
    // What someone else wrote under our keys is no reason to withhold the rest.
    const items = page.documents.flatMap((text) => this.#decrypt(parseInstance<Fields>(text)) ?? [])
    return { items, cursor: page.cursor }
  }

  #parse(id: string, text: string): TenantInstance<Fields> {
    const instance = this.#decrypt(parseInstance<Fields>(text))
    if (instance?.id !== id) throw new InstanceCorruptError(`of the instance ${JSON.stringify(id)}`)
    return instance
  }

  #decrypt(instance: TenantInstance<Fields> | undefined): TenantInstance<Fields> | undefined {
    return instance === undefined ? undefined : this.#cipher.decryptAll(instance)
  }
}
